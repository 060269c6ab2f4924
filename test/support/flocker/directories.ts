/** Another backend than Docker's volumes: copies of datasets as plain directories, whose names say all there is to know. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  CopyId,
  LocalCopy,
  LocalVolumes,
  Stage,
  VolumeBackend,
} from '../../../src/flocker/agent/volume-backend.ts'
import type { Result } from '../../../src/model/result.ts'

type Done = Promise<Result<undefined, never>>

const DONE = { ok: true, value: undefined } as const

/** What a copy is, by the folder that it lies in. */
type Place = 'used' | 'frozen' | 'sealed'

export class Directories implements VolumeBackend {
  readonly #root: string
  readonly #beforeFreeze: (path: string) => Promise<void>

  /** `beforeFreeze`: what somebody writes to a copy while it is streamed elsewhere. */
  constructor(root: string, beforeFreeze: (path: string) => Promise<void>) {
    this.#root = root
    this.#beforeFreeze = beforeFreeze
  }

  async list(): Promise<Result<LocalVolumes, never>> {
    const [used, frozen, sealed] = await Promise.all([
      this.#in('used'),
      this.#in('frozen'),
      this.#in('sealed'),
    ])
    const copies = [
      ...used.map((id) => ({ ...id, path: this.#at('used', id), frozen: false })),
      ...frozen.map((id) => ({ ...id, path: this.#at('frozen', id), frozen: true })),
    ]
    const open = await readdir(join(this.#root, 'staged')).catch(() => [])
    const stages = [
      ...open.map((dataset) => ({ dataset, path: this.#stagedAt(dataset), sealed: null })),
      ...sealed.map((id) => ({ dataset: id.dataset, path: this.#at('sealed', id), sealed: id })),
    ]
    return { ok: true, value: { copies, stages, remains: [] } }
  }

  async create(id: CopyId): Done {
    await mkdir(this.#at('used', id), { recursive: true })
    return DONE
  }

  async users(): Promise<Result<readonly string[], never>> {
    return { ok: true, value: [] }
  }

  async freeze(copy: LocalCopy): Promise<Result<LocalCopy, never>> {
    await this.#beforeFreeze(copy.path)
    await this.#put(copy.path, 'frozen', copy)
    return { ok: true, value: { ...copy, path: this.#at('frozen', copy), frozen: true } }
  }

  async thaw(copy: LocalCopy): Done {
    await this.#put(copy.path, 'used', copy)
    return DONE
  }

  async remove({ path }: LocalCopy): Done {
    await rm(path, { recursive: true })
    return DONE
  }

  async stage(dataset: string): Promise<Result<Stage, never>> {
    const path = this.#stagedAt(dataset)
    await mkdir(path, { recursive: true })
    return { ok: true, value: { dataset, path, sealed: null } }
  }

  async seal(id: CopyId): Done {
    await this.#put(this.#stagedAt(id.dataset), 'sealed', id)
    return DONE
  }

  async settle(id: CopyId): Done {
    await this.#put(this.#at('sealed', id), 'used', id)
    return DONE
  }

  async discardStage(dataset: string): Done {
    await rm(this.#stagedAt(dataset), { recursive: true, force: true })
    for (const id of await this.#in('sealed'))
      if (id.dataset === dataset) await rm(this.#at('sealed', id), { recursive: true })
    return DONE
  }

  async #in(place: Place): Promise<CopyId[]> {
    const names = await readdir(join(this.#root, place)).catch(() => [])
    return names.map((name) => {
      const [dataset, generation, copy] = name.split(' ') as [string, string, string]
      return { dataset, generation: Number(generation), copy }
    })
  }

  #at(place: Place, { dataset, generation, copy }: CopyId): string {
    return join(this.#root, place, `${dataset} ${generation} ${copy}`)
  }

  #stagedAt(dataset: string): string {
    return join(this.#root, 'staged', dataset)
  }

  async #put(from: string, place: Place, id: CopyId): Promise<void> {
    await mkdir(join(this.#root, place), { recursive: true })
    await rename(from, this.#at(place, id))
  }
}

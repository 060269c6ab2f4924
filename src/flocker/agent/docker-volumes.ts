/**
 * Datasets in ordinary Docker volumes of the local driver. Beside a volume's `_data` lies a file that says which copy of
 * which dataset it is, out of sight of containers:
 *
 *     volumes/flocker-ID/_data            the dataset; what containers mount
 *     volumes/flocker-ID/flocker.json     { generation, copy }
 *     volumes/flocker-ID/_frozen          the dataset while it is handed over; `_data` is then an empty file
 *     volumes/flocker-ID.incoming/        the same two for a copy on its way here
 *
 * The empty file is an obstacle: where a bind mount's source is missing, Docker would make an empty directory and start
 * the container on it.
 */
import { execFile } from 'node:child_process'
import { lstat, open, readdir, readFile, realpath, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { failed, ok, type Result } from '../../model/result.ts'
import { syncDirectory, syncFileSystem, writeFileDurably } from '../durable.ts'
import { reasonOf } from '../reason.ts'
import type { DockerEngine } from './docker.ts'
import { endLeftoverTars } from './leftover.ts'
import { processesThatMount } from './mount-table.ts'
import type { AgentTrouble } from './trouble.ts'
import type { CopyId, LocalCopy, LocalVolumes, Stage, VolumeBackend } from './volume-backend.ts'

/**
 * Names tell what is ours. Labels are for people only: an engine that is killed while it makes a volume forgets them.
 */
const NAME = /^flocker-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\.incoming)?$/
const DATASET_LABEL = 'powerstrip.flocker.dataset'
const ROLE_LABEL = 'powerstrip.flocker.role'
const RECORD = 'flocker.json'
const DATA = '_data'
const FROZEN = '_frozen'

type Role = 'dataset' | 'incoming'

interface VolumeRecord {
  readonly generation: number
  readonly copy: string
  /** The data is just being moved here from the incoming volume. */
  readonly settling?: true
  /** It is worth nothing any more, and on its way out: however much of it is still there. */
  readonly removing?: true
}

export class DockerVolumes implements VolumeBackend {
  readonly #engine: DockerEngine

  constructor(engine: DockerEngine) {
    this.#engine = engine
  }

  async list(): Promise<Result<LocalVolumes, AgentTrouble>> {
    const volumes = await this.#engine.volumes('flocker-')
    if (!volumes.ok) return volumes
    return attempt('the Docker volumes cannot be read', async () => {
      const copies: LocalCopy[] = []
      const stages: Stage[] = []
      const remains: LocalCopy[] = []
      for (const { Name, Mountpoint } of volumes.value) {
        const [, dataset, incoming] = NAME.exec(Name) ?? []
        if (dataset === undefined) continue
        const root = dirname(Mountpoint)
        const record = await readRecord(root)
        if (incoming !== undefined) {
          const sealed = record === undefined || record.removing === true ? null : idOf(dataset, record)
          stages.push({ dataset, path: join(root, DATA), sealed })
        } else if (record !== undefined && record.settling !== true) {
          const frozen = (await kindOf(join(root, FROZEN))) === 'directory'
          const list = record.removing === true ? remains : copies
          list.push({ ...idOf(dataset, record), path: join(root, frozen ? FROZEN : DATA), frozen })
        }
      }
      return { copies, stages, remains }
    })
  }

  async create(id: CopyId): Promise<Result<undefined, AgentTrouble>> {
    const root = await this.#volume(id.dataset, 'dataset')
    if (!root.ok) return root
    return attempt(`volume ${nameOf(id.dataset, 'dataset')} cannot be set up`, async () => {
      await expectNothing(root.value)
      await writeRecord(root.value, { generation: id.generation, copy: id.copy })
      await syncDirectory(dirname(root.value))
      return undefined
    })
  }

  async users({ path }: LocalCopy): Promise<Result<readonly string[], AgentTrouble>> {
    const containers = await this.#engine.runningContainers()
    if (!containers.ok) return containers
    const users = containers.value
      .filter(({ Mounts }) => Mounts.some(({ Source }) => isWithin(Source ?? '', dirname(path))))
      .map(({ Id, Names }) => `container ${Names[0]?.replace(/^\//, '') ?? Id.slice(0, 12)}`)
    if (users.length > 0) return ok(users)
    return attempt(`it cannot be seen who uses ${path}`, async () =>
      (await processesThatMount(path)).map((pid) => `process ${pid}, which has it mounted`),
    )
  }

  async freeze(copy: LocalCopy): Promise<Result<LocalCopy, AgentTrouble>> {
    const before = await this.users(copy)
    if (!before.ok) return before
    if (before.value.length > 0) return failed(inUse(before.value))
    const root = dirname(copy.path)
    const frozen = { ...copy, path: join(root, FROZEN), frozen: true }
    const done = await attempt(`${copy.path} cannot be set aside`, async () => {
      await rename(join(root, DATA), frozen.path)
      await (await open(join(root, DATA), 'wx', 0o400)).close()
      await syncDirectory(root)
      return undefined
    })
    // Whoever started in between is seen now, and whoever starts from here on finds nothing to start on.
    const after = done.ok ? await this.users(frozen) : done
    if (after.ok && after.value.length === 0) return ok(frozen)
    const undone = await this.thaw(frozen)
    if (!undone.ok) return undone
    return after.ok ? failed(inUse(after.value)) : after
  }

  async thaw(copy: LocalCopy): Promise<Result<undefined, AgentTrouble>> {
    const root = dirname(copy.path)
    return attempt(`${copy.path} cannot be put back`, async () => {
      if ((await kindOf(join(root, FROZEN))) === undefined) return undefined
      await removeObstacle(root)
      await rename(join(root, FROZEN), join(root, DATA))
      await syncDirectory(root)
      return undefined
    })
  }

  async remove(copy: LocalCopy): Promise<Result<undefined, AgentTrouble>> {
    const users = (await kindOf(copy.path)) === undefined ? ok([]) : await this.users(copy)
    if (!users.ok) return users
    if (users.value.length > 0) return failed(inUse(users.value))
    return this.#removeVolume(copy.dataset, 'dataset', dirname(copy.path))
  }

  async stage(dataset: string): Promise<Result<Stage, AgentTrouble>> {
    const root = await this.#volume(dataset, 'incoming')
    if (!root.ok) return root
    return attempt(`volume ${nameOf(dataset, 'incoming')} cannot be set up`, async () => {
      await endLeftoverTars(await realpath(root.value))
      await unlinkIfThere(join(root.value, RECORD))
      await syncDirectory(root.value)
      return { dataset, path: join(root.value, DATA), sealed: null }
    })
  }

  async seal({ dataset, generation, copy }: CopyId): Promise<Result<undefined, AgentTrouble>> {
    const root = await this.#volume(dataset, 'incoming')
    if (!root.ok) return root
    return attempt(`${root.value} cannot be made durable`, async () => {
      await syncFileSystem(root.value)
      await writeRecord(root.value, { generation, copy })
      return undefined
    })
  }

  async settle({ dataset, generation, copy }: CopyId): Promise<Result<undefined, AgentTrouble>> {
    const [from, to] = [await this.#volume(dataset, 'incoming'), await this.#volume(dataset, 'dataset')]
    if (!from.ok) return from
    if (!to.ok) return to
    const settled = await attempt(`volume ${nameOf(dataset, 'dataset')} cannot be put in place`, async () => {
      if ((await kindOf(join(from.value, DATA))) === 'directory') {
        await removeObstacle(to.value)
        await expectNothing(to.value)
        await writeRecord(to.value, { generation, copy, settling: true })
        await rename(join(from.value, DATA), join(to.value, DATA))
        await syncDirectory(from.value)
      }
      await writeRecord(to.value, { generation, copy })
      await syncDirectory(dirname(to.value))
      return undefined
    })
    return settled.ok ? this.#removeVolume(dataset, 'incoming', from.value) : settled
  }

  async discardStage(dataset: string): Promise<Result<undefined, AgentTrouble>> {
    const root = await this.#volume(dataset, 'incoming')
    return root.ok ? this.#removeVolume(dataset, 'incoming', root.value) : root
  }

  /** The directory that Docker keeps the volume in. */
  async #volume(dataset: string, role: Role): Promise<Result<string, AgentTrouble>> {
    const name = nameOf(dataset, role)
    const labels = { [DATASET_LABEL]: dataset, [ROLE_LABEL]: role }
    const volume = await this.#engine.createVolume(name, labels)
    if (!volume.ok) return volume
    return ok(dirname(volume.value.Mountpoint))
  }

  async #removeVolume(dataset: string, role: Role, root: string): Promise<Result<undefined, AgentTrouble>> {
    const name = nameOf(dataset, role)
    const marked = await attempt(`volume ${name} cannot be removed`, async () => {
      const record = await readRecord(root)
      // Whatever is killed in the middle of it, the rest is known for what it is, and removed later. An engine would begin
      // with the record as likely as with the data.
      if (record !== undefined) await writeRecord(root, { ...record, removing: true })
      await promisify(execFile)('rm', ['--recursive', '--force', join(root, DATA), join(root, FROZEN)])
      return undefined
    })
    if (!marked.ok) return marked
    const removed = await this.#engine.removeVolume(name)
    if (!removed.ok || removed.value === 'removed') return removed.ok ? ok(undefined) : removed
    // A stopped container was made with it, so Docker keeps the volume: empty, and with the obstacle in place.
    return attempt(`volume ${name} cannot be emptied`, async () => {
      await (await open(join(root, DATA), 'wx', 0o400)).close()
      await unlinkIfThere(join(root, RECORD))
      await syncDirectory(root)
      return undefined
    })
  }
}

function nameOf(dataset: string, role: Role): string {
  return role === 'dataset' ? `flocker-${dataset}` : `flocker-${dataset}.incoming`
}

function idOf(dataset: string, { generation, copy }: VolumeRecord): CopyId {
  return { dataset, generation, copy }
}

function inUse(users: readonly string[]): AgentTrouble {
  return { message: `it is in use by ${users.join(', ')}`, busy: true }
}

async function readRecord(root: string): Promise<VolumeRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(root, RECORD), 'utf8')) as VolumeRecord
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw problem
  }
}

function writeRecord(root: string, record: VolumeRecord): Promise<void> {
  return writeFileDurably(join(root, RECORD), `${JSON.stringify(record)}\n`)
}

/** A volume that is to become a dataset holds nothing yet. */
async function expectNothing(root: string): Promise<void> {
  const found = await readdir(join(root, DATA)).catch((problem: NodeJS.ErrnoException) => {
    if (problem.code === 'ENOENT') return []
    throw problem
  })
  if (found.length > 0)
    throw new Error(`${join(root, DATA)} is not empty, and nothing says of what dataset it is`)
}

/** Whatever stands where the data should be, if it is worth nothing: the obstacle, or a directory that Docker made. */
async function removeObstacle(root: string): Promise<void> {
  const path = join(root, DATA)
  const kind = await kindOf(path)
  if (kind === 'file') await unlink(path)
  if (kind === 'directory') await rmdir(path)
}

async function kindOf(path: string): Promise<'directory' | 'file' | undefined> {
  const found = await lstat(path).catch(gone)
  return found === undefined ? undefined : found.isDirectory() ? 'directory' : 'file'
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch(gone)
}

function gone(problem: NodeJS.ErrnoException): undefined {
  if (problem.code === 'ENOENT') return undefined
  throw problem
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

/** Trouble with the disk is expected, and told with what could not be done. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<Result<T, AgentTrouble>> {
  try {
    return ok(await work())
  } catch (problem) {
    return failed({ message: `${what}: ${reasonOf(problem)}` })
  }
}

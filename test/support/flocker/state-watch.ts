/** Follows what the control service says of a dataset, and looks at once into every path that it shows. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { StateView } from '../../../src/flocker/control/views.ts'
import type { Cluster } from './cluster.ts'
import { describeTree } from './tree.ts'

/** Often enough not to miss a path that is shown for a moment, in milliseconds. */
const LOOK_AGAIN_MS = 20

export class StateWatch implements AsyncDisposable {
  /** What should never have been shown. */
  readonly wrong: string[] = []
  /** How often a path appeared and was looked into. */
  checked = 0
  readonly #cluster: Cluster
  readonly #dataset: string
  readonly #treasure: string
  readonly #watching: Promise<void>
  #over = false

  constructor(cluster: Cluster, dataset: string, treasure: string) {
    this.#cluster = cluster
    this.#dataset = dataset
    this.#treasure = treasure
    this.#watching = this.#watch()
  }

  async #watch(): Promise<void> {
    let shown: string | undefined
    while (!this.#over) {
      await sleep(LOOK_AGAIN_MS)
      const entries = await this.#entries()
      // The control service is not there just now.
      if (entries === undefined) continue
      if (entries.length > 1) this.wrong.push(`${entries.length} entries: ${JSON.stringify(entries)}`)
      const { primary, path } = entries[0] ?? {}
      if (path !== undefined && `${primary} ${path}` !== shown) await this.#lookInto(primary!, path)
      shown = path === undefined ? undefined : `${primary} ${path}`
    }
  }

  async #lookInto(node: string, path: string): Promise<void> {
    const { host } = this.#cluster.hosts.find((one) => one.node === node)!
    let missing = false
    for (;;) {
      const found = await describeTree(host, path).catch((problem: Error) => problem.message)
      if (found === this.#treasure && !missing) {
        this.checked++
        return
      }
      // It may have gone on meanwhile, and then it is not shown any more.
      const now = await this.#entries()
      if (this.#over || now?.[0]?.primary !== node || now[0].path !== path) return
      if (found === this.#treasure || (await host.run('test', ['-d', path])).exitCode === 0) {
        const what = missing ? 'was not there all the time' : `is not whole: ${found.slice(0, 300)}`
        this.wrong.push(`${path} on ${host.name} ${what}`)
        return
      }
      // A copy is set aside before the control service can be told so.
      missing = true
      await sleep(LOOK_AGAIN_MS)
    }
  }

  async #entries(): Promise<StateView[] | undefined> {
    try {
      const { status, body } = await this.#cluster.api.call('GET', '/state/datasets')
      return status === 200
        ? (body as StateView[]).filter((one) => one.dataset_id === this.#dataset)
        : undefined
    } catch {
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    await this.#watching
  }
}

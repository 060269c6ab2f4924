/** Follows the containers of this host, and makes the leases what they need. */
import { setTimeout as pause } from 'node:timers/promises'
import type { AdapterLog, EngineClient, Result } from 'powerstrip/sdk'
import { readContainers, readLabel } from './containers.ts'
import type { Leases } from './leases.ts'
import type { ThisNode } from './this-node.ts'
import type { Trouble } from './trouble.ts'

export interface WatchTerms {
  readonly engine: EngineClient
  readonly leases: Leases
  node(signal: AbortSignal): Promise<Result<ThisNode, Trouble>>
}

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

/** How long a request waits for the engine's events, in milliseconds: an engine that has just been started over is back by then. */
const PATIENCE_MS = 5000

export class Watch {
  readonly #terms: WatchTerms
  /** Why the engine's events are not followed right now; `undefined` while they are. */
  #blind: string | undefined = 'they have not been asked for yet'
  /** Those who wait for it to see again. */
  readonly #waiting = new Set<() => void>()
  #due = false
  /** Those who wait for the next comparison that begins. */
  #expecting: (() => void)[] = []
  #wake = () => {}
  /** Leases of this host at the last comparison; before the first nobody knows. */
  #held = Number.POSITIVE_INFINITY

  constructor(terms: WatchTerms) {
    this.#terms = terms
  }

  /** Until the signal is aborted. */
  async run(signal: AbortSignal, log: AdapterLog): Promise<void> {
    await Promise.all([this.#follow(signal, log), this.#compareWhenDue(signal, log)])
  }

  /** Compares soon. */
  look(): void {
    this.#due = true
    this.#wake()
  }

  /** Resolves when the leases have been compared once more, or when that takes too long. */
  async settled(signal: AbortSignal): Promise<void> {
    const compared = new AbortController()
    this.#expecting.push(() => compared.abort())
    this.look()
    await pause(PATIENCE_MS, undefined, { signal: AbortSignal.any([signal, compared.signal]) }).catch(
      () => {},
    )
  }

  /** Resolves with why not, if a container that were made now would go unnoticed. */
  async sees(signal: AbortSignal): Promise<string | undefined> {
    if (this.#blind === undefined) return undefined
    const seen = new AbortController()
    const leave = () => seen.abort()
    this.#waiting.add(leave)
    await pause(PATIENCE_MS, undefined, { signal: AbortSignal.any([signal, seen.signal]) }).catch(() => {})
    this.#waiting.delete(leave)
    return this.#blind
  }

  async #follow(signal: AbortSignal, log: AdapterLog): Promise<void> {
    const { engine, leases } = this.#terms
    const filters = { type: ['container'], event: ['create', 'start', 'destroy'] }
    for await (const news of engine.events(filters, signal)) {
      switch (news.kind) {
        case 'connected':
          this.#blind = undefined
          for (const tell of this.#waiting) tell()
          this.look()
          break
        case 'lost':
          if (this.#blind === undefined)
            log.warn(`${news.message}; until it is back no dataset is given to a container`)
          this.#blind = news.message
          break
        case 'event': {
          const label = readLabel(news.attributes)
          if (label !== undefined) leases.arrived(label.claim, Object.keys(label.datasets))
          if (label !== undefined || this.#held > 0) this.look()
          break
        }
      }
    }
  }

  async #compareWhenDue(signal: AbortSignal, log: AdapterLog): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    let told = ''
    signal.addEventListener('abort', () => this.#wake())
    while (!signal.aborted) {
      if (!this.#due) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#due = false
      const expecting = this.#expecting
      this.#expecting = []
      const problem = await this.#compare(signal, log)
      for (const tell of expecting) tell()
      if (problem === undefined) {
        retryMs = FIRST_RETRY_MS
        told = ''
        continue
      }
      if (signal.aborted) return
      if (problem !== told)
        log.warn(`the leases of this host cannot be compared with its containers: ${problem}`)
      told = problem
      this.#due = true
      await pause(retryMs, undefined, { signal }).catch(() => {})
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
    }
  }

  /** What went wrong, if something did. */
  async #compare(signal: AbortSignal, log: AdapterLog): Promise<string | undefined> {
    const { engine, leases, node } = this.#terms
    const self = await node(signal)
    if (!self.ok) return self.failure.message
    const waited = leases.waitedFor()
    const listed = await engine.json('GET', '/containers/json', { query: { all: true }, signal })
    if (!listed.ok) return listed.failure.message
    const compared = await leases.compare(readContainers(listed.value.body), waited, self.value, log, signal)
    if (!compared.ok) return compared.failure.message
    this.#held = compared.value.held
    return undefined
  }
}

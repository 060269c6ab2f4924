/** Observe-hooks are told how exchanges ended. Nobody waits for them, and one that is too slow misses the oldest ends. */
import type { ChainNote } from '../model/event.ts'
import type { CallFacts, Hook, HookRequest, ObservedEnd } from '../model/hook.ts'
import { Stop, type StopSignal } from '../model/stop.ts'

/** Ends that wait for a hook, at most. */
export const OBSERVE_QUEUE_LIMIT = 1_024

/** What the bodies in one queue may hold together, in bytes: a thousand large answers would fill the memory. */
const OBSERVE_QUEUE_BYTES = 64 * 1024 * 1024

/** Calls to one hook at a time. What an observer does is usually to write a line somewhere. */
const CALLS_AT_ONCE = 4

interface Observation {
  readonly request: HookRequest
  readonly end: ObservedEnd
  readonly facts: CallFacts
  readonly note: (note: ChainNote) => void
  readonly bytes: number
}

/** The queues of all observe-hooks of a configuration. */
export class Observers {
  readonly #queues = new Map<Hook, Queue>()
  readonly #stop = new Stop()

  tell(hook: Hook, observation: Omit<Observation, 'bytes'>): void {
    let queue = this.#queues.get(hook)
    if (queue === undefined) {
      queue = new Queue(hook, this.#stop)
      this.#queues.set(hook, queue)
    }
    queue.put({
      ...observation,
      bytes: sizeOf(observation.request.body) + sizeOf(observation.end.response?.body),
    })
  }

  /** Resolves when all that waits has been told, or after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), graceMs)
    await Promise.all([...this.#queues.values()].map((queue) => queue.idle()))
    clearTimeout(timer)
  }
}

class Queue {
  readonly #hook: Hook
  readonly #stop: StopSignal
  readonly #waiting: Observation[] = []
  #bytes = 0
  #running = 0
  #idle: (() => void)[] = []

  constructor(hook: Hook, stop: StopSignal) {
    this.#hook = hook
    this.#stop = stop
  }

  put(observation: Observation): void {
    this.#waiting.push(observation)
    this.#bytes += observation.bytes
    while (
      this.#waiting.length > OBSERVE_QUEUE_LIMIT ||
      (this.#bytes > OBSERVE_QUEUE_BYTES && this.#waiting.length > 1)
    ) {
      const dropped = this.#take()!
      dropped.note({ kind: 'observation-dropped', adapter: this.#hook.adapter })
    }
    this.#serve()
  }

  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  #take(): Observation | undefined {
    const taken = this.#waiting.shift()
    this.#bytes -= taken?.bytes ?? 0
    return taken
  }

  #serve(): void {
    while (this.#running < CALLS_AT_ONCE) {
      const next = this.#stop.aborted ? undefined : this.#take()
      if (next === undefined) break
      this.#running++
      void this.#call(next).finally(() => {
        this.#running--
        this.#serve()
      })
    }
    if (this.#running > 0) return
    for (const tell of this.#idle.splice(0)) tell()
  }

  async #call({ request, end, facts, note }: Observation): Promise<void> {
    const { adapter } = this.#hook
    const since = performance.now()
    const told = await this.#hook.observe?.(request, end, this.#stop, facts)
    if (told?.ok === false) note({ kind: 'observer-failed', adapter, failure: told.failure })
    else note({ kind: 'observed', adapter, durationMs: performance.now() - since })
  }
}

function sizeOf(text: string | null | undefined): number {
  return text?.length ?? 0
}

/** What Prometheus is told. Labels are operation ids, names of the configuration and words of a fixed list, never paths. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ChainNote, EventSink, ExchangeReport, ProxyEvent } from '../model/event.ts'

/** What is looked up when somebody asks. */
export interface LiveFigures {
  readonly version: string
  readonly revision: string | undefined
  readonly listeners: readonly {
    readonly listener: string
    readonly connections: number
    readonly exchanges: number
    readonly streams: number
  }[]
  readonly adapters: readonly {
    readonly adapter: string
    readonly problem: string | undefined
    readonly isHeldOff: boolean
  }[]
  readonly taps: number
}

/** From a hook in process to the longest time limit that is usual, in seconds. */
const HOOK_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300]

/** From a ping to a large pull, in seconds. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export class Metrics {
  readonly #registry = new Registry()
  readonly #live: () => LiveFigures
  readonly #requests = this.#counter('requests_total', 'Requests, by how they ended.', [
    'operation',
    'fate',
    'status',
  ])
  readonly #requestSeconds = this.#histogram(
    'request_duration_seconds',
    'From the head of a request to the end of its answer. Two-way streams are not counted.',
    ['operation'],
    REQUEST_BUCKETS,
  )
  readonly #bytes = this.#counter('bytes_total', 'Bytes from clients (received) and to them (sent).', [
    'direction',
  ])
  readonly #hooks = this.#counter('hook_calls_total', 'Places of hooks in exchanges, by what came of them.', [
    'adapter',
    'phase',
    'outcome',
  ])
  readonly #hookSeconds = this.#histogram(
    'hook_duration_seconds',
    'How long calls of hooks took.',
    ['adapter', 'phase'],
    HOOK_BUCKETS,
  )
  readonly #failOpen = this.#counter(
    'hook_fail_open_total',
    'Hooks that were passed over, by onError: ignore or onOversize: skip.',
    ['adapter', 'phase'],
  )
  readonly #postSkipped = this.#counter(
    'post_hooks_skipped_total',
    'Answers that post-hooks could not be shown.',
    ['adapter', 'reason'],
  )
  readonly #streamSkipped = this.#counter(
    'stream_hooks_skipped_total',
    'Answers that stream-hooks could not be shown.',
    ['adapter', 'reason'],
  )
  readonly #streamEvents = this.#counter(
    'stream_events_total',
    'Messages of streams that hooks were shown, and what they made of them.',
    ['adapter', 'action'],
  )
  readonly #unwinds = this.#counter('unwind_total', 'Hooks that were undone, or could not be.', ['result'])
  readonly #observationsDropped = this.#counter(
    'observations_dropped_total',
    'Exchanges that observe-hooks were too slow to be told of.',
    ['adapter'],
  )
  readonly #decisionsDropped = this.#counter(
    'decisions_dropped_total',
    'Lines that the decision log could not write in time.',
    [],
  )
  readonly #clientsRefused = this.#counter(
    'clients_refused_total',
    'Clients that a listener with TLS did not let in.',
    ['listener'],
  )
  readonly #reloadSuccessful = this.#gauge(
    'config_last_reload_successful',
    'Whether the configuration as it stands in the file is in force.',
  )
  readonly #reloadedAt = this.#gauge(
    'config_last_reload_success_timestamp_seconds',
    'When the configuration in force came into force.',
  )

  constructor(live: () => LiveFigures) {
    this.#live = live
    collectDefaultMetrics({ register: this.#registry })
    this.#reloadSuccessful.set(1)
    this.#reloadedAt.setToCurrentTime()
    this.#liveGauges()
  }

  readonly tell: EventSink = (event: ProxyEvent): void => {
    switch (event.kind) {
      case 'exchange-ended':
        return this.#exchange(event.report)
      case 'chain':
        return this.#note(event.note)
      case 'config-changed':
        this.#reloadSuccessful.set(1)
        return this.#reloadedAt.setToCurrentTime()
      case 'config-broken':
        return this.#reloadSuccessful.set(0)
      case 'decisions-dropped':
        return this.#decisionsDropped.inc(event.lines)
      case 'client-refused':
        return this.#clientsRefused.inc({ listener: event.listener })
    }
  }

  async page(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  #exchange({
    operation,
    fate,
    status,
    durationMs,
    requestBytes,
    responseBytes,
    chain,
  }: ExchangeReport): void {
    this.#requests.inc({ operation, fate, status: classOf(status) })
    if (fate !== 'hijacked') this.#requestSeconds.observe({ operation }, durationMs / 1000)
    this.#bytes.inc({ direction: 'received' }, requestBytes)
    this.#bytes.inc({ direction: 'sent' }, responseBytes)
    for (const { adapter, phase, outcome, durationMs: ms, stream } of chain?.hooks ?? []) {
      this.#called(adapter, phase, outcome, outcome === 'skipped' ? undefined : ms)
      if (stream === undefined) continue
      const { events: shown, dropped, replaced, inserted } = stream
      for (const [action, count] of Object.entries({ shown, dropped, replaced, inserted }))
        this.#streamEvents.inc({ adapter, action }, count)
    }
  }

  #called(adapter: string, phase: string, outcome: string, durationMs: number | undefined): void {
    this.#hooks.inc({ adapter, phase, outcome })
    if (durationMs !== undefined) this.#hookSeconds.observe({ adapter, phase }, durationMs / 1000)
  }

  #note(note: ChainNote): void {
    switch (note.kind) {
      case 'failure-ignored':
      case 'oversize-skipped':
        return this.#failOpen.inc({ adapter: note.adapter, phase: note.phase })
      case 'post-hooks-skipped':
        for (const adapter of note.adapters) this.#postSkipped.inc({ adapter, reason: note.reason })
        return
      case 'stream-hooks-skipped':
        for (const adapter of note.adapters) this.#streamSkipped.inc({ adapter, reason: note.reason })
        return
      case 'unwound':
        this.#unwinds.inc({ result: 'done' })
        return this.#called(note.adapter, 'unwind', 'done', note.durationMs)
      case 'unwind-failed':
        this.#unwinds.inc({ result: 'failed' })
        return this.#called(note.adapter, 'unwind', 'failed', note.durationMs)
      case 'unstarted-removed':
      case 'unstarted-left':
        return
      case 'observed':
        return this.#called(note.adapter, 'observe', 'done', note.durationMs)
      case 'observer-failed':
        return this.#called(note.adapter, 'observe', 'failed', undefined)
      case 'observation-dropped':
        return this.#observationsDropped.inc({ adapter: note.adapter })
    }
  }

  #liveGauges(): void {
    this.#lookedUp('connections', 'Connections of clients that are open.', ['listener'], (now) =>
      now.listeners.map(({ listener, connections }) => [{ listener }, connections]),
    )
    this.#lookedUp('exchanges', 'Exchanges in hand, two-way streams included.', ['listener'], (now) =>
      now.listeners.map(({ listener, exchanges }) => [{ listener }, exchanges]),
    )
    this.#lookedUp('streams', 'Two-way streams that are open.', ['listener'], (now) =>
      now.listeners.map(({ listener, streams }) => [{ listener }, streams]),
    )
    this.#lookedUp('adapter_ready', 'Whether the adapter has answered the handshake.', ['adapter'], (now) =>
      now.adapters.map(({ adapter, problem }) => [{ adapter }, problem === undefined ? 1 : 0]),
    )
    this.#lookedUp(
      'adapter_breaker_open',
      'Whether the circuit breaker holds calls off.',
      ['adapter'],
      (now) => now.adapters.map(({ adapter, isHeldOff }) => [{ adapter }, isHeldOff ? 1 : 0]),
    )
    this.#lookedUp('taps', 'Taps that are open.', [], ({ taps }) => [[{}, taps]])
    this.#lookedUp(
      'info',
      'Always 1; the labels say what is running.',
      ['version', 'revision'],
      ({ version, revision = '' }) => [[{ version, revision }, 1]],
    )
  }

  /** Asked for when the page is. */
  #lookedUp(
    name: string,
    help: string,
    labelNames: readonly string[],
    values: (now: LiveFigures) => readonly (readonly [Record<string, string>, number])[],
  ): void {
    const live = () => this.#live()
    new Gauge({
      name: `powerstrip_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset()
        // Listeners of the command line share a name.
        for (const [labels, value] of values(live())) this.inc(labels, value)
      },
    })
  }

  #counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return new Counter({ name: `powerstrip_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `powerstrip_${name}`, help, registers: [this.#registry] })
  }

  #histogram(name: string, help: string, labelNames: readonly string[], buckets: number[]): Histogram {
    return new Histogram({
      name: `powerstrip_${name}`,
      help,
      labelNames,
      buckets,
      registers: [this.#registry],
    })
  }
}

/** `none`: the client was sent no answer. */
function classOf(status: number | undefined): string {
  return status === undefined || status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}

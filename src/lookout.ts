/**
 * All that watches the proxy and never stands in its way: the log, the decision log, metrics, taps, and the admin listener where
 * they are shown. What nobody has configured, and nobody looks at, costs one comparison for each event.
 */
import type { Admin, AdminGround, AdminSpec } from './admin/server.ts'
import type { Config, DecisionLog, Options } from './config/config.ts'
import { shownConfig } from './config/shown.ts'
import type { AdapterState } from './hook-rules.ts'
import { sameAddress } from './listen/listener.ts'
import { describeAddress, type EngineTarget } from './model/address.ts'
import type { EventSink, ExchangeReport, ProxyEvent } from './model/event.ts'
import { failed, ok, type Result } from './model/result.ts'
import type { Census } from './proxy.ts'
import { readinessOf } from './readiness.ts'
import { printJson } from './sdk/json.ts'
import { decisionOf } from './telemetry/decision.ts'
import { DecisionFile, isOutput } from './telemetry/decision-file.ts'
import { Mask } from './telemetry/mask.ts'
import type { LiveFigures, Metrics } from './telemetry/metrics.ts'
import { Taps } from './telemetry/taps.ts'
import { VERSION } from './version.ts'

/** What is in force, looked up when somebody asks. */
export interface InForce {
  readonly config: Config | undefined
  readonly revision: string | undefined
  readonly adapters: readonly AdapterState[]
  /** Nothing while powerstrip starts. */
  readonly engine: EngineTarget | undefined
  readonly census: readonly Census[]
  readonly isStopping: boolean
}

export interface LookoutGround {
  /** Told of everything first. */
  readonly log: EventSink
  readonly inForce: () => InForce
  readonly explain: (method: string, path: string) => string
  /** Calls `listener` on every SIGHUP until what comes back is called. */
  readonly onHangup?: (listener: () => void) => () => void
}

/** What a configuration says of it. */
export type Watching = Pick<Options, 'decisions' | 'admin'>

/** Files and addresses that are open and not in use yet. */
export interface Prepared {
  use(): Promise<void>
  abandon(): Promise<void>
}

const NOTHING: Watching = { decisions: undefined, admin: undefined }

export class Lookout {
  readonly #ground: LookoutGround
  readonly #taps = new Taps()
  readonly #late = new Set<Promise<void>>()
  #mask = new Mask()
  #decisions: DecisionFile | undefined
  #terms: DecisionLog | undefined
  #metrics: Metrics | undefined
  #admin: Admin | undefined
  #configProblem: string | undefined
  #forgetHangup: (() => void) | undefined

  constructor(ground: LookoutGround) {
    this.#ground = ground
  }

  /** Where health, metrics and taps are served, if anywhere. */
  get address(): string | undefined {
    return this.#admin && describeAddress(this.#admin.address)
  }

  readonly tell: EventSink = (event: ProxyEvent): void => {
    this.#ground.log(event)
    if (this.#admin !== undefined) this.#metrics?.tell(event)
    switch (event.kind) {
      case 'exchange-ended':
        if (this.#decisions !== undefined || this.#taps.size > 0) this.#exchange(event.report)
        return
      case 'config-changed':
        this.#configProblem = undefined
        return
      case 'config-broken':
        // The place and the message; the log has all of it.
        this.#configProblem = event.problems.split('\n', 1)[0] ?? ''
    }
  }

  /** Opens what is new. The failure is what this machine would not have. */
  async prepare(wanted: Watching = NOTHING): Promise<Result<Prepared, string>> {
    const { decisions, admin } = wanted
    const file = this.#fileFor(decisions)
    if (!file.ok) return failed(`log.decisions: ${file.failure}`)
    const opened = await this.#adminFor(admin)
    const metrics = admin === undefined ? this.#metrics : await this.#metricsOf()
    if (!opened.ok) {
      if (file.value !== this.#decisions) await file.value?.close()
      return opened
    }
    return ok({
      use: async () => {
        const [oldFile, oldAdmin] = [this.#decisions, this.#admin]
        this.#mask = new Mask(decisions?.mask)
        this.#terms = decisions
        this.#decisions = file.value
        this.#admin = opened.value
        if (this.#admin !== undefined) this.#metrics = metrics
        this.#listenForHangup()
        if (oldAdmin !== this.#admin) await this.#announce(oldAdmin)
        if (oldFile !== file.value) await oldFile?.close()
      },
      abandon: async () => {
        if (file.value !== this.#decisions) await file.value?.close()
        if (opened.value !== this.#admin) await opened.value?.close()
        // It made way for one at the same address.
        if (this.#admin?.isClosed) this.#admin = await this.#reopened(this.#admin)
      },
    })
  }

  /** Writes the last lines and closes everything. */
  async close(): Promise<void> {
    this.#forgetHangup?.()
    await Promise.all(this.#late)
    const file = this.#decisions
    this.#decisions = undefined
    await file?.close()
    await this.#admin?.close()
  }

  #fileFor(wanted: DecisionLog | undefined): Result<DecisionFile | undefined, string> {
    if (wanted === undefined) return ok(undefined)
    if (wanted.file === this.#decisions?.file) return ok(this.#decisions)
    return DecisionFile.open(wanted.file, this.tell)
  }

  async #adminFor(wanted: Watching['admin']): Promise<Result<Admin | undefined, string>> {
    const now = this.#admin
    if (wanted === undefined) return ok(undefined)
    if (now === undefined) return this.#open(wanted)
    if (JSON.stringify(now.spec) === JSON.stringify(wanted)) return ok(now)
    if (!sameAddress(now.address, wanted.address)) return this.#open(wanted)
    await now.close()
    const opened = await this.#open(wanted)
    if (!opened.ok) this.#admin = await this.#reopened(now)
    return opened
  }

  // Loaded here: a proxy that nobody watches has no use for an HTTP server and for metrics.

  async #open(spec: AdminSpec): Promise<Result<Admin, string>> {
    const { openAdmin } = await import('./admin/server.ts')
    return openAdmin(spec, this.#pages)
  }

  async #metricsOf(): Promise<Metrics> {
    if (this.#metrics !== undefined) return this.#metrics
    const { Metrics } = await import('./telemetry/metrics.ts')
    return new Metrics(() => this.#figures())
  }

  async #reopened(before: Admin): Promise<Admin | undefined> {
    const again = await this.#open({ ...before.spec, address: before.address })
    if (again.ok) return again.value
    this.tell({ kind: 'admin-closed', address: again.failure })
    return undefined
  }

  async #announce(before: Admin | undefined): Promise<void> {
    if (this.#admin !== undefined)
      this.tell({ kind: 'admin-listening', address: describeAddress(this.#admin.address) })
    if (before === undefined || before.isClosed) return
    await before.close()
    this.tell({ kind: 'admin-closed', address: describeAddress(before.address) })
  }

  /** An output has no file to open anew, and without one a terminal that goes away ends powerstrip as it ends anything. */
  #listenForHangup(): void {
    this.#forgetHangup?.()
    const file = this.#decisions
    this.#forgetHangup =
      file === undefined || isOutput(file.file) ? undefined : this.#ground.onHangup?.(() => file.reopen())
  }

  #exchange(report: ExchangeReport): void {
    const undoing = report.chain?.undoing
    if (undoing === undefined) return this.#write(report)
    const late: Promise<void> = undoing
      .catch(() => {})
      .then(() => {
        this.#write(report)
        this.#late.delete(late)
      })
    this.#late.add(late)
  }

  #write(report: ExchangeReport): void {
    const isWanted =
      report.chain !== undefined || report.fate === 'ambiguous' || this.#terms?.relayed === true
    const file = isWanted ? this.#decisions : undefined
    if (file === undefined && this.#taps.size === 0) return
    try {
      const decision = decisionOf(report, this.#mask)
      const line = printJson(decision)
      file?.write(line)
      this.#taps.tell(decision, line)
    } catch (bug) {
      // The exchange is over and well; the log of it must not take its connection along.
      const message = `a bug in powerstrip: ${bug instanceof Error ? bug.stack : String(bug)}`
      this.tell({ kind: 'decisions-broken', file: this.#decisions?.file ?? 'tap', message })
    }
  }

  #figures(): LiveFigures {
    const { revision, adapters, census } = this.#ground.inForce()
    return { version: VERSION, revision, listeners: census, adapters, taps: this.#taps.size }
  }

  readonly #pages: AdminGround = {
    version: VERSION,
    ready: () => readinessOf({ ...this.#ground.inForce(), configProblem: this.#configProblem }),
    metrics: () => this.#metrics!.page(),
    config: () => {
      const { config, revision = '' } = this.#ground.inForce()
      return config && shownConfig(config, revision)
    },
    explain: (method, path) => this.#ground.explain(method, path),
    tap: (filter, show) => this.#taps.open(filter, show),
  }
}

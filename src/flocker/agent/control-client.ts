/** An agent's calls to the control service. With several addresses, one that fails is followed by the next. */
import { Agent as Dispatcher } from 'undici'
import { failed, ok, type Result } from '../../model/result.ts'
import type { CustodyChange } from '../ledger/custody.ts'
import { reasonOf } from '../reason.ts'
import type { TlsIdentity } from '../tls.ts'
import {
  CUSTODY_PATH,
  type CustodyAnswer,
  type Orders,
  REPORT_PATH,
  type ReportRequest,
} from '../wire/messages.ts'
import type { AgentTrouble } from './trouble.ts'

/** Reports wait for a second at the control service; one that says nothing for this long, in milliseconds, is gone. */
const CONTROL_PATIENCE_MS = 5_000

export class ControlClient implements AsyncDisposable {
  readonly #bases: readonly string[]
  readonly #dispatcher: Dispatcher
  #turn = 0

  constructor(bases: readonly string[], tls: TlsIdentity | undefined) {
    this.#bases = bases.map((base) => base.replace(/\/(v1\/?)?$/, ''))
    this.#dispatcher = new Dispatcher({
      headersTimeout: CONTROL_PATIENCE_MS,
      bodyTimeout: CONTROL_PATIENCE_MS,
      connect: { timeout: CONTROL_PATIENCE_MS, ...tls },
    })
  }

  report(request: ReportRequest, signal: AbortSignal): Promise<Result<Orders, AgentTrouble>> {
    return this.#post<Orders>(REPORT_PATH, request, signal)
  }

  changeCustody(change: CustodyChange): Promise<Result<CustodyAnswer, AgentTrouble>> {
    return this.#post<CustodyAnswer>(CUSTODY_PATH, change)
  }

  async #post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<Result<T, AgentTrouble>> {
    const base = this.#bases[this.#turn % this.#bases.length]!
    try {
      const { origin, pathname } = new URL(base)
      const answer = await this.#dispatcher.request({
        origin,
        path: `${pathname.replace(/\/$/, '')}${path}`,
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
        ...(signal === undefined ? {} : { signal }),
      })
      const text = await answer.body.text()
      if (answer.statusCode === 200) return ok(JSON.parse(text) as T)
      if (answer.statusCode >= 500) this.#turn++
      return failed({
        message: descriptionIn(text) ?? `the control service ${base} answers ${answer.statusCode}`,
      })
    } catch (problem) {
      if (signal?.aborted !== true) this.#turn++
      return failed({ message: `the control service ${base} does not answer: ${reasonOf(problem)}` })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy()
  }
}

export function descriptionIn(body: string): string | undefined {
  try {
    const { description } = JSON.parse(body) as { readonly description?: unknown }
    return typeof description === 'string' ? description : undefined
  } catch {
    return undefined
  }
}

/** A client of the control service's REST API. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { ConfiguredView, LeaseView, StateView } from '../../../src/flocker/control/views.ts'
import type { TlsIdentity } from '../../../src/flocker/tls.ts'

export interface ApiAnswer {
  readonly status: number
  readonly tag: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at what has come, whatever it is
  readonly body: any
}

/** Often enough to see a state that lasts a moment, in milliseconds. */
const LOOK_AGAIN_MS = 20

export class FlockerApi {
  readonly base: string
  readonly #dispatcher: Agent | undefined

  constructor(base: string, tls?: TlsIdentity) {
    this.base = base
    this.#dispatcher = tls === undefined ? undefined : new Agent({ connect: { ...tls } })
  }

  async call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    tag?: string,
  ): Promise<ApiAnswer> {
    const answer = await request(`${this.base}/v1${path}`, {
      method,
      ...(this.#dispatcher === undefined ? {} : { dispatcher: this.#dispatcher }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(tag === undefined ? {} : { 'x-if-configuration-matches': tag }),
      },
    })
    const text = await answer.body.text()
    const told = answer.headers['x-configuration-tag']
    return {
      status: answer.statusCode,
      tag: Array.isArray(told) ? told[0] : told,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }

  async create(primary: string, name: string): Promise<string> {
    const made = await this.call('POST', '/configuration/datasets', { primary, metadata: { name } })
    if (made.status !== 201) throw new Error(`create: ${made.status} ${JSON.stringify(made.body)}`)
    return (made.body as ConfiguredView).dataset_id
  }

  async move(dataset: string, primary: string): Promise<ApiAnswer> {
    return this.call('POST', `/configuration/datasets/${dataset}`, { primary })
  }

  async state(dataset: string): Promise<StateView | undefined> {
    const { body } = await this.call('GET', '/state/datasets')
    return (body as StateView[]).find((one) => one.dataset_id === dataset)
  }

  async leases(): Promise<LeaseView[]> {
    return (await this.call('GET', '/configuration/leases')).body as LeaseView[]
  }

  async nodes(): Promise<{ readonly host: string; readonly uuid: string }[]> {
    return (await this.call('GET', '/state/nodes')).body
  }

  /** Looks until the state is as wanted. Trouble on the way, a control service that restarts say, is waited out. */
  async until<T>(look: () => Promise<T>, wanted: (seen: T) => boolean, limitMs = 60_000): Promise<T> {
    const late = Date.now() + limitMs
    for (;;) {
      const seen = await look().catch((problem: unknown) => problem as Error)
      if (!(seen instanceof Error) && wanted(seen)) return seen
      if (Date.now() > late)
        throw new Error(
          `not so within ${limitMs} ms; last seen: ${seen instanceof Error ? seen.message : JSON.stringify(seen)}`,
        )
      await sleep(LOOK_AGAIN_MS)
    }
  }

  /** Its path, once it can be used on that node. */
  async usableOn(dataset: string, node: string, limitMs?: number): Promise<string> {
    const state = await this.until(
      () => this.state(dataset),
      (seen) => seen?.primary === node && seen.path !== undefined,
      limitMs,
    )
    return state!.path!
  }
}

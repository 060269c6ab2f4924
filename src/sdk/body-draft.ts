import type { BodyForm, Replacement } from '../model/hook.ts'
import { differences, type PatchOperation } from './differences.ts'
import { copyJson, type Json, parseJson, printJson, sameJson } from './json.ts'

/** A body as it came with a hook call. */
export interface ReceivedBody {
  readonly body: string | null
  /** Left out: JSON where there is a text, otherwise nothing. */
  readonly form?: BodyForm | undefined
  readonly base64?: string | undefined
}

/** A handler looked into a body that it was not shown as JSON: what it would have said of it nobody knows. */
export class UnshownBody extends Error {
  constructor(form: BodyForm) {
    super(`the body of this request came as "${form}" and not as JSON, so it cannot be judged`)
  }
}

export type BodyChange = Pick<Replacement, 'body' | 'form' | 'patch'>

export const NO_CHANGE: BodyChange = Object.freeze({})

/**
 * A body that one hook may change freely: nobody else holds it. It is read when it is first looked at, so that a body
 * that a hook does not care about costs nothing.
 */
export class BodyDraft {
  readonly #received: ReceivedBody
  /** What a hook finds where there is nothing. */
  readonly #blank: Json
  #state: 'unread' | 'read' | 'replaced-unread' = 'unread'
  #value: Json = null
  #bytes: Uint8Array | undefined
  #patch: NonNullable<Replacement['patch']> | undefined

  constructor(received: ReceivedBody, blank: Json) {
    this.#received = received
    this.#blank = blank
  }

  get form(): BodyForm {
    const { body, form } = this.#received
    return form ?? (body === null || body === '' ? 'none' : 'json')
  }

  /** As received. `null`: there is none, it is not for hooks to see, or it is no text. */
  get text(): string | null {
    return this.#received.body
  }

  /** As received, where it is no text. */
  get bytes(): Uint8Array | null {
    const { base64 } = this.#received
    return base64 === undefined ? null : Buffer.from(base64, 'base64')
  }
  set bytes(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get value(): Json {
    if (this.#state === 'unread') {
      this.#value = copyJson(this.#read())
      this.#state = 'read'
    }
    return this.#value
  }
  set value(value: Json) {
    this.#value = value
    if (this.#state === 'unread') this.#state = 'replaced-unread'
  }

  patchBy(operations: readonly PatchOperation[]): void {
    this.#onlyOnce()
    this.#patch = { type: 'JSONPatch', text: printJson(operations) }
  }

  mergeWith(changes: Json): void {
    this.#onlyOnce()
    this.#patch = { type: 'JSONMergePatch', text: printJson(changes) }
  }

  /** What is different now: a patch of what was JSON, otherwise the new body. How a client spaces and escapes is no difference. */
  change(): BodyChange {
    if (this.#bytes !== undefined)
      return this.#alone({ body: Buffer.from(this.#bytes).toString('base64'), form: 'base64' })
    if (this.#state === 'unread') return this.#explicit()
    if (this.#state === 'replaced-unread') return this.#alone(this.#whole())
    const received = this.#read()
    // Most handlers look and change nothing.
    if (sameJson(this.#value, received)) return this.#explicit()
    if (this.form !== 'json') return this.#alone(this.#whole())
    const operations = differences(received, this.#value)
    if (operations.length === 0) return this.#explicit()
    return this.#alone(
      operations[0]!.path === ''
        ? this.#whole()
        : { patch: { type: 'JSONPatch', text: printJson(operations) } },
    )
  }

  #whole(): BodyChange {
    return { body: printJson(this.#value), form: this.form === 'utf8' ? 'utf8' : 'json' }
  }

  #explicit(): BodyChange {
    return this.#patch === undefined ? NO_CHANGE : { patch: this.#patch }
  }

  #alone(change: BodyChange): BodyChange {
    if (this.#patch !== undefined)
      throw new TypeError('the body was changed both in place and by an explicit patch; it is one of them')
    return change
  }

  #onlyOnce(): void {
    if (this.#patch !== undefined)
      throw new TypeError('there is an explicit patch already; put all of its operations into one')
  }

  /** Shared: only copies of it are handed out. */
  #read(): Json {
    const { body } = this.#received
    if (body !== null && body !== '') return readShared(body)
    // Judged as an empty object, something that was not shown would always be harmless.
    if (this.#blank !== null && this.form !== 'none') throw new UnshownBody(this.form)
    return this.#blank
  }
}

/** A larger text is not worth keeping in memory until the next one comes. */
const KEPT_LENGTH = 64 * 1024

/** The adapters of a chain are shown the same body. */
let kept: { readonly text: string; readonly value: Json } | undefined

function readShared(text: string): Json {
  if (text.length > KEPT_LENGTH) return parseJson(text)
  if (kept?.text !== text) kept = { text, value: parseJson(text) }
  return kept.value
}

import { copyJson, type Json, parseJson, printJson, sameJson } from './json.ts'
import { rememberLast } from './memo.ts'

/**
 * A body that one hook may change freely: nobody else holds it. It is read when it is first looked at, so that a body
 * that a hook does not care about costs nothing.
 */
export class BodyDraft {
  /** As received. `null`: there is none, or it is not for hooks to see. */
  readonly text: string | null
  /** What a hook finds where there is no text. */
  readonly #blank: Json
  #state: 'unread' | 'read' | 'replaced-unread' = 'unread'
  #value: Json = null

  constructor(text: string | null, blank: Json) {
    this.text = text
    this.#blank = blank
  }

  get value(): Json {
    if (this.#state === 'unread') {
      this.#value = copyJson(this.#received())
      this.#state = 'read'
    }
    return this.#value
  }

  set value(value: Json) {
    this.#value = value
    if (this.#state === 'unread') this.#state = 'replaced-unread'
  }

  /** The new text, if it says anything else than the old one. How a client spaces and escapes is no difference. */
  changedText(): string | undefined {
    if (this.#state === 'unread') return undefined
    if (this.#state === 'read' && sameJson(this.#value, this.#received())) return undefined
    return printJson(this.#value)
  }

  /** Shared: only copies of it are handed out. */
  #received(): Json {
    return this.text === null || this.text === '' ? this.#blank : readShared(this.text)
  }
}

/** A larger text is not worth keeping in memory until the next one comes. */
const KEPT_LENGTH = 64 * 1024

const readKept = rememberLast(parseJson)

function readShared(text: string): Json {
  return text.length > KEPT_LENGTH ? parseJson(text) : readKept(text)
}

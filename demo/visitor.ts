/** The visitor whose session has to survive: a container that asks for the page all the time (`visitor.mjs`). */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { claim } from './tell.ts'

/** The site's page, as it says it to programs. */
export interface Page {
  readonly session: string
  readonly yourVisits: number
  readonly allVisits: number
  readonly container: string
  readonly address: string
  readonly database: { readonly name: string; readonly address: string }
}

interface Visit {
  /** Milliseconds since 1970, when the answer was there. */
  readonly at: number
  readonly page: Page
}

export class Visitor {
  readonly #child: ChildProcess
  readonly #waiting = new Set<(visit: Visit) => void>()
  #last: Visit | undefined
  #said = ''
  /** Every page is looked at here, so that no moment of a move goes unseen. */
  seen = 0

  constructor(child: ChildProcess) {
    this.#child = child
    child.stderr?.on('data', (text: Buffer) => {
      this.#said += text.toString()
    })
    createInterface({ input: child.stdout! }).on('line', (line) => this.#hear(line))
  }

  get last(): Visit {
    if (this.#last === undefined) throw new Error('the visitor has not seen the site yet')
    return this.#last
  }

  /** The next page that is accepted. */
  async next(accept: (page: Page) => boolean = () => true): Promise<Visit> {
    const found = new Promise<Visit>((resolve) => {
      const tell = (visit: Visit) => {
        if (!accept(visit.page)) return
        this.#waiting.delete(tell)
        resolve(visit)
      }
      this.#waiting.add(tell)
    })
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error(`the visitor sees no such page: ${this.#said}`)), PATIENCE_MS).unref()
    })
    return Promise.race([found, late])
  }

  async leave(): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }

  #hear(line: string): void {
    const { at, page, problem } = JSON.parse(line) as { at: number; page?: Page; problem?: string }
    if (problem !== undefined) this.#said = `${problem}\n`
    if (page === undefined) return
    this.#check(page)
    this.#last = { at, page }
    this.seen++
    for (const tell of this.#waiting) tell(this.#last)
  }

  #check(page: Page): void {
    const before = this.#last?.page
    if (before === undefined) return
    const forward = page.allVisits > before.allVisits && page.yourVisits > before.yourVisits
    // Thrown out of an event, a false claim would pass the demo by.
    try {
      claim(page.session === before.session, 'the visitor keeps the session', { before, page })
      claim(forward, 'the counters never go backwards', { before, page })
    } catch (problem) {
      this.broken ??= problem
    }
  }

  /** The first claim that a page has broken. */
  broken: unknown
}

/** A page that is away for longer is not moving, it is lost. */
const PATIENCE_MS = 60_000

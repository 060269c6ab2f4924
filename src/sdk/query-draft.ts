/** A query as post-hooks see it, and as pre-hooks read it. The methods mean what they mean for `URLSearchParams`. */
export interface Query extends Iterable<[name: string, value: string]> {
  readonly size: number
  has(name: string): boolean
  /** The first of repeated ones, as for the engine. */
  get(name: string): string | null
  getAll(name: string): string[]
  keys(): string[]
  toString(): string
}

/** A query that a hook may change. Pairs that it leaves alone keep their spelling, byte for byte. */
export class QueryDraft implements Query {
  readonly #received: string
  /** Read when first needed. */
  #pairs: Pair[] | undefined

  /** `received` is without the question mark. */
  constructor(received: string) {
    this.#received = received
  }

  get size(): number {
    return this.#read().length
  }

  has(name: string): boolean {
    return this.#read().some((pair) => pair.name === name)
  }

  get(name: string): string | null {
    return this.#read().find((pair) => pair.name === name)?.value ?? null
  }

  getAll(name: string): string[] {
    return this.#read().flatMap((pair) => (pair.name === name ? [pair.value] : []))
  }

  keys(): string[] {
    return [...new Set(this.#read().map((pair) => pair.name))]
  }

  /** Puts the value where the first of this name is, or at the end, and removes the others. */
  set(name: string, value: string): void {
    const pairs = this.#read()
    const at = pairs.findIndex((pair) => pair.name === name)
    if (at === -1) return this.append(name, value)
    if (pairs[at]!.value !== value) pairs[at] = newPair(name, value)
    this.#pairs = pairs.filter((pair, index) => pair.name !== name || index === at)
  }

  append(name: string, value: string): void {
    this.#read().push(newPair(name, value))
  }

  delete(name: string): void {
    this.#pairs = this.#read().filter((pair) => pair.name !== name)
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (const { name, value } of this.#read()) yield [name, value]
  }

  /** Without the question mark. */
  toString(): string {
    return this.#pairs === undefined ? this.#received : this.#pairs.map((pair) => pair.text).join('&')
  }

  #read(): Pair[] {
    this.#pairs ??= this.#received === '' ? [] : this.#received.split('&').map(readPair)
    return this.#pairs
  }
}

interface Pair {
  readonly name: string
  readonly value: string
  /** As it is written in the query. */
  readonly text: string
}

function readPair(text: string): Pair {
  // Without the `&` a question mark at the start would be taken for the one before a query and dropped.
  const [name, value] = [...new URLSearchParams(`&${text}`)][0] ?? ['', '']
  return { name, value, text }
}

function newPair(name: string, value: string): Pair {
  return { name, value, text: new URLSearchParams([[name, value]]).toString() }
}

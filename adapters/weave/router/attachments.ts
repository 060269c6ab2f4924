/**
 * One thing at a time about a container: the client's start and the engine's event about it ask for the same attachment, and what
 * a container had is given back when nobody is still obtaining it.
 */
export class Attachments {
  readonly #underWay = new Map<string, Promise<unknown>>()

  async run<T>(container: string, work: () => Promise<T>): Promise<T> {
    const before = this.#underWay.get(container)
    const mine = (before ?? Promise.resolve()).then(work, work)
    this.#underWay.set(container, mine)
    try {
      return await mine
    } finally {
      if (this.#underWay.get(container) === mine) this.#underWay.delete(container)
    }
  }
}

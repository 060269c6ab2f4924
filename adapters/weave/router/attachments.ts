/** One attachment of a container at a time: the client's start and the engine's event about it ask for the same one. */
export class Attachments {
  readonly #underWay = new Map<string, Promise<unknown>>()

  async run<T>(container: string, attach: () => Promise<T>): Promise<T> {
    const before = this.#underWay.get(container)
    const mine = (before ?? Promise.resolve()).then(attach, attach)
    this.#underWay.set(container, mine)
    try {
      return await mine
    } finally {
      if (this.#underWay.get(container) === mine) this.#underWay.delete(container)
    }
  }
}

/** Things that happen one after another, for tests that wait for one of them. */
export class Milestones<T> {
  readonly all: T[] = []
  readonly #waiting = new Set<() => void>()

  add(thing: T): void {
    this.all.push(thing)
    for (const look of this.#waiting) look()
  }

  /** Resolves with the thing of this number, counted from 1, among those that are asked for. */
  reached(number: number, asked: (thing: T) => boolean = () => true): Promise<T> {
    return new Promise((resolve) => {
      const look = () => {
        const thing = this.all.filter(asked)[number - 1]
        if (thing === undefined) return
        this.#waiting.delete(look)
        resolve(thing)
      }
      this.#waiting.add(look)
      look()
    })
  }
}

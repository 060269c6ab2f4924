/** A number of places. Who finds none free waits in line for one, until the line itself is full. */
export class Places {
  readonly #lineLimit: number
  readonly #waiting = new Set<() => void>()
  #free: number

  constructor(count: number, lineLimit: number) {
    this.#free = count
    this.#lineLimit = lineLimit
  }

  /** Who has taken a place gives it back with `leave`. */
  take(stop: AbortSignal): Promise<'taken' | 'full' | 'stopped'> {
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve('taken')
    }
    if (this.#waiting.size >= this.#lineLimit) return Promise.resolve('full')
    return new Promise((resolve) => {
      const next = () => {
        stop.removeEventListener('abort', giveUp)
        resolve('taken')
      }
      const giveUp = () => {
        this.#waiting.delete(next)
        resolve('stopped')
      }
      this.#waiting.add(next)
      stop.addEventListener('abort', giveUp, { once: true })
    })
  }

  leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free++
    } else {
      this.#waiting.delete(next)
      next()
    }
  }
}

import type { Soon } from '../model/soon.ts'
import type { StopSignal } from '../model/stop.ts'

/** A number of places. Who finds none free waits in line for one, until the line itself is full. */
export class Places {
  readonly #lineLimit: number
  readonly #waiting = new Set<() => void>()
  #count: number
  /** Below 0 while more are taken than there are since they became fewer. */
  #free: number

  constructor(count: number, lineLimit: number) {
    this.#count = count
    this.#free = count
    this.#lineLimit = lineLimit
  }

  /** Who has taken a place gives it back with `leave`. */
  take(stop: StopSignal): Soon<'taken' | 'full' | 'stopped'> {
    if (this.#free > 0) {
      this.#free--
      return 'taken'
    }
    if (this.#waiting.size >= this.#lineLimit) return 'full'
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
      stop.addEventListener('abort', giveUp)
    })
  }

  leave(): void {
    this.#free++
    this.#seat()
  }

  resize(count: number): void {
    this.#free += count - this.#count
    this.#count = count
    this.#seat()
  }

  #seat(): void {
    for (const next of this.#waiting) {
      if (this.#free <= 0) return
      this.#free--
      this.#waiting.delete(next)
      next()
    }
  }
}

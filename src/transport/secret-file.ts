/** A secret in a file that may be replaced while we run: read again when the file has changed. */
import { readFileSync, statSync } from 'node:fs'

export class SecretFile {
  readonly #file: string
  #stamp = ''
  #lines: readonly string[] = []

  constructor(file: string) {
    this.#file = file
  }

  /** Its lines without the blank ones. Throws where it cannot be read, or says nothing. */
  lines(): readonly string[] {
    const { mtimeNs, ctimeNs, size, ino } = statSync(this.#file, { bigint: true })
    const stamp = `${mtimeNs} ${ctimeNs} ${size} ${ino}`
    if (stamp !== this.#stamp) {
      this.#lines = readFileSync(this.#file, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '')
      this.#stamp = stamp
    }
    if (this.#lines.length === 0) throw new Error(`${this.#file} holds no secret`)
    return this.#lines
  }
}

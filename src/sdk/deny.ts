import type { Denial } from '../model/hook.ts'
import { isDenialStatus } from '../wire/v1.ts'

export interface DenyOptions {
  /** Status of the answer: 400 to 499 without 404 and 405. 403 unless told. */
  readonly code?: number
}

/** Refuses. `docker` prints the message after "Error response from daemon: denied by adapter …". */
export function deny(message: string, { code = 403 }: DenyOptions = {}): Denial {
  // A caller takes 404 and 405 for a wrong address, and `docker run` answers a 404 by pulling the image.
  if (!isDenialStatus(code))
    throw new RangeError(`the code of a denial is 400 to 499 without 404 and 405, not ${code}`)
  return { kind: 'deny', status: code, message }
}

/** Closing a client's connection so that the last answer arrives. */
import type { Link } from './link.ts'

/**
 * How long a client may go on sending after its last answer, in milliseconds. Closing a TCP socket with unread bytes
 * makes the kernel send RST, and the client may lose an answer it has not read yet. nginx waits 5 s between two reads
 * of such a client; Go's server half a second in all.
 */
const LINGER_MS = 2_000

/**
 * Sends FIN, drops what still comes, and closes when the client does, or `LINGER_MS` after the last byte has left: a client
 * may take its time to read (`docker logs x | less`). Resolves when it is closed.
 */
export function lingeringClose(client: Link): Promise<void> {
  if (client.closed) return Promise.resolve()
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    client.end(() => {
      if (!client.closed) timer = setTimeout(() => client.destroy(), LINGER_MS)
    })
    client.readInto({
      bytes() {},
      end() {},
      drained() {},
      closed() {
        clearTimeout(timer)
        resolve()
      },
    })
  })
}

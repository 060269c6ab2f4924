/** After a switch of protocols: bytes both ways until both ends are closed. */

import { lingeringClose } from './linger.ts'
import type { Link, LinkReader } from './link.ts'

/**
 * Joins two open links. Nothing else ends or destroys them from here on.
 *
 * - An end is passed on as an end and the other direction goes on: `echo hi | docker run -i image cat` closes stdin
 *   first and still expects output.
 * - When the client's socket closes, the engine's closes with it.
 * - When the engine's socket closes, its last words still reach the client; further input is dropped.
 */
export function splice(client: Link, engine: Link): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      if (client.closed && engine.closed) resolve()
    }
    const fromClient: LinkReader = {
      bytes(chunk) {
        if (!engine.write(chunk)) client.pause()
      },
      end() {
        engine.end()
        client.watchForVanishing()
      },
      drained() {
        engine.resume()
      },
      closed() {
        engine.destroy()
        done()
      },
    }
    const fromEngine: LinkReader = {
      bytes(chunk) {
        if (!client.write(chunk)) engine.pause()
      },
      end() {
        client.end()
        engine.watchForVanishing()
      },
      drained() {
        client.resume()
      },
      closed() {
        void lingeringClose(client).then(done)
      },
    }
    engine.readInto(fromEngine)
    client.readInto(fromClient)
  })
}

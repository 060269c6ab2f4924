import type { Socket } from 'node:net'

type Done = (error?: Error | null) => void

/**
 * Makes a socket's reading side outlive its writing side.
 *
 * An engine may refuse in the middle of an upload: it answers and closes while the client is still sending. The next
 * write then fails, and a plain socket would destroy itself with the answer still unread in the kernel. After this a failed
 * write only ends the writing; reading goes on to the engine's last byte, and then the socket closes.
 */
export function outliveWriting(socket: Socket): void {
  let deaf = false
  const shielded =
    (done: Done): Done =>
    (error) => {
      if (error) {
        deaf = true
        if (socket.readableEnded) socket.destroy()
      }
      done()
    }
  const { _write, _writev, _final } = socket
  socket._write = (chunk, encoding, done) => {
    if (deaf) done()
    else _write.call(socket, chunk, encoding, shielded(done))
  }
  if (_writev)
    socket._writev = (chunks, done) => {
      if (deaf) done()
      else _writev.call(socket, chunks, shielded(done))
    }
  socket._final = (done) => {
    if (deaf) done()
    else _final.call(socket, shielded(done))
  }
}

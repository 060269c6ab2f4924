/**
 * The least that answers HTTP/1.1 on a unix socket. Node's own server takes 15 to 25 µs for each call, which is the adapter's
 * affair and not the chain's: the chain is measured.
 */
import { createServer } from 'node:net'

/** `answer` gets the method, the target and the body as text and gives `{ status, type, body }`, the last two only where there is a body. */
export function answerOnSocket(path, answer) {
  createServer((socket) => {
    let parts = []
    let size = 0
    /** With fewer bytes no message is whole. */
    let wanted = 0
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      parts.push(chunk)
      size += chunk.length
      while (size > 0 && size >= wanted) {
        const held = parts.length === 1 ? parts[0] : Buffer.concat(parts)
        parts = [held]
        const headEnd = held.indexOf('\r\n\r\n')
        if (headEnd === -1) return
        const head = held.toString('latin1', 0, headEnd)
        const bodyStart = headEnd + 4
        wanted = bodyStart + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
        if (size < wanted) return
        const [method, target] = head.split(' ', 2)
        const { status, type, body } = answer(method, target, held.toString('utf8', bodyStart, wanted))
        parts = size === wanted ? [] : [held.subarray(wanted)]
        size -= wanted
        wanted = 0
        const fields =
          body === undefined ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
        socket.write(`HTTP/1.1 ${status} Done\r\n${fields}\r\n${body ?? ''}`)
        if (/^connection: *close/im.test(head)) socket.end()
      }
    })
  }).listen(path)
}

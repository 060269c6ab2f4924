import type { Socket } from 'node:net'
import { Link } from './link.ts'
import { ReadBuffer, rereading } from './read-buffer.ts'

/** The link to a client that a server has accepted, with `allowHalfOpen` and `pauseOnConnect`. */
export function acceptedLink(accepted: Socket): Link {
  const input = new ReadBuffer()
  const socket = rereading(accepted, input)
  return socket === undefined ? new Link(accepted) : new Link(socket, input)
}

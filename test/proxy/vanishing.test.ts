/** A client that only half-closes, and one that is gone: a FIN looks the same from both. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { isOrphaned } from '../../src/plane/orphan.ts'

describe('isOrphaned', () => {
  let server: Server
  let client: Socket
  let accepted: Socket
  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true })
    const [socket] = (await once(server, 'connection')) as [Socket]
    accepted = socket
    accepted.resume()
  })
  afterEach(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })

  test('is false of a client that still reads', async () => {
    client.end()
    await once(accepted, 'end')
    expect(await isOrphaned(accepted)).toBe(false)
  })

  test('is true of a client that has closed', async () => {
    client.destroy()
    await once(accepted, 'end')
    expect(await isOrphaned(accepted)).toBe(true)
  })
})

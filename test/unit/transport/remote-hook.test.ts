/** What an adapter sees of its calls and connections. What becomes of its replies is in `test/proxy/tolerance`. */
import { gzipSync } from 'node:zlib'
import type { Address } from '../../../src/model/address.ts'
import type { RemoteHook, RemoteHookSettings } from '../../../src/transport/remote-hook.ts'
import { hookAt, REQUEST, RESPONSE, staying } from '../../support/adapters/call.ts'
import type { Peer } from '../../support/connect.ts'
import {
  type ScriptedEngine,
  startScriptedEngine as startScriptedAdapter,
} from '../../support/scripted-engine.ts'

const UNCHANGED = { ok: true, value: { outcome: { kind: 'pass' }, warnings: [] } }
const ZIPPED = gzipSync('{}')
const REPLY = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'

/** A hook for an adapter that a test plays by hand. */
function hookTo(address: Address, path: string, settings: Partial<RemoteHookSettings> = {}) {
  const place =
    address.kind === 'unix'
      ? {
          url: `unix://${address.path}:${path}`,
          address: { via: 'unix', socketPath: address.path, path } as const,
        }
      : { url: `http://${address.host}:${address.port}${path}`, address: { via: 'http' } as const }
  return hookAt(place, settings)
}

describe('a call', () => {
  test.each(['tcp', 'unix'] as const)('over %s is a POST of the shortest kind', async (way) => {
    await using adapter = await startScriptedAdapter(way)
    await using hook = hookTo(adapter.address, '/a/../b//c?d=%7e{}')
    const end = hook.pre(REQUEST, staying())
    const peer = await adapter.accept()
    const body =
      '{"PowerstripProtocolVersion":1,"Type":"pre-hook","ClientRequest":{"Method":"POST",' +
      '"Request":"/v1.16/containers/create?name=a","Body":"{\\"Image\\":\\"x\\",\\"Number\\":1}"}}'
    const host = adapter.address.kind === 'tcp' ? `127.0.0.1:${adapter.address.port}` : 'localhost'
    expect(await peer.until(body)).toBe(
      [
        'POST /a/../b//c?d=%7e{} HTTP/1.1',
        `host: ${host}`,
        'connection: close',
        'Content-Type: application/json',
        `content-length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    )
    await peer.send(REPLY)
    expect(await end).toEqual(UNCHANGED)
    await goneFrom(peer)
  })

  test('says the length in bytes', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/')
    const end = hook.post(REQUEST, { ...RESPONSE, body: 'é漢😀' }, staying())
    const peer = await adapter.accept()
    const text = await peer.until('}}')
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(Number(/content-length: (\d+)/.exec(head)?.[1])).toBe(body.length)
    expect(Buffer.from(body, 'latin1').toString()).toContain('"Body":"é漢😀"')
    await peer.send(REPLY)
    expect(await end).toEqual(UNCHANGED)
  })

  test('PS-ADAPTER-001: takes no proxy from the environment', async () => {
    await using adapter = await startScriptedAdapter('tcp')
    await using hook = hookTo(adapter.address, '/')
    const before = process.env.HTTP_PROXY
    process.env.HTTP_PROXY = 'http://127.0.0.1:1'
    try {
      const end = hook.pre(REQUEST, staying())
      await (await adapter.accept()).send(REPLY)
      expect(await end).toEqual(UNCHANGED)
    } finally {
      if (before === undefined) delete process.env.HTTP_PROXY
      else process.env.HTTP_PROXY = before
    }
  })

  test.each([
    [
      'brings no cookie back',
      REPLY.replace('\r\n\r\n', '\r\nSet-Cookie: a=b; Path=/\r\nContent-Type: application/json\r\n\r\n'),
      UNCHANGED,
    ],
    [
      'follows no redirect',
      'HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n',
      { failure: { kind: 'bad-reply' } },
    ],
    [
      'unpacks nothing',
      Buffer.concat([
        Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${ZIPPED.length}\r\n\r\n`),
        ZIPPED,
      ]),
      { failure: { kind: 'bad-reply' } },
    ],
  ])('PS-ADAPTER-001: %s', async (_what, reply, expected) => {
    await using adapter = await startScriptedAdapter('tcp')
    await using hook = hookTo(adapter.address, '/')
    const first = hook.pre(REQUEST, staying())
    await (await withCall(adapter)).send(reply)
    expect(await first).toMatchObject(expected)
    // The next call goes to the same place, and takes nothing along.
    const second = hook.pre(REQUEST, staying())
    const peer = await adapter.accept()
    expect(await peer.until('}}')).not.toMatch(/^(?!POST \/ )|cookie/i)
    await peer.send(REPLY)
    expect(await second).toEqual(UNCHANGED)
  })

  test('that is given up leaves no connection', async () => {
    await using adapter = await startScriptedAdapter()
    for (const fresh of [true, false]) {
      await using hook = hookTo(adapter.address, '/', { fresh, timeoutMs: 50 })
      const end = hook.pre(REQUEST, staying())
      const peer = await adapter.accept()
      expect(await end).toMatchObject({ failure: { kind: 'deadline' } })
      await goneFrom(peer)
    }
  })

  test('that the client leaves is given up wherever it stands', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const aborted = { ok: false, failure: { kind: 'aborted' } }

    const waiting = new AbortController()
    const second = hook.pre(REQUEST, waiting.signal)
    const peer = await withCall(adapter)
    waiting.abort()
    expect(await second).toEqual(aborted)
    await goneFrom(peer)

    const reading = new AbortController()
    const third = hook.pre(REQUEST, reading.signal)
    const next = await withCall(adapter)
    await next.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{')
    reading.abort()
    expect(await third).toEqual(aborted)
    await goneFrom(next)
  })

  test('that is given up before it is connected leaves no connection', async () => {
    await using adapter = await startScriptedAdapter('tcp')
    if (adapter.address.kind !== 'tcp') throw new Error('not on TCP')
    // TLS is not connected before the adapter has said something.
    const place = { url: `https://127.0.0.1:${adapter.address.port}/`, address: { via: 'https' } } as const
    await using hook = hookAt(place)
    const client = new AbortController()
    const end = hook.pre(REQUEST, client.signal)
    const peer = await adapter.accept()
    await peer.untilBytes(1)
    client.abort()
    expect(await end).toEqual({ ok: false, failure: { kind: 'aborted' } })
    await goneFrom(peer)
  })

  test('of a client that leaves at once is not made', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/')
    const client = new AbortController()
    const end = hook.pre(REQUEST, client.signal)
    client.abort()
    expect(await end).toEqual({ ok: false, failure: { kind: 'aborted' } })
    await hook.close()
    expect(adapter.connections).toEqual([])
  })
})

describe('fresh connections', () => {
  test('serve one call each, even if the adapter would keep them', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/')
    for (const _ of [1, 2, 3]) {
      const end = hook.pre(REQUEST, staying())
      const peer = await adapter.accept()
      await peer.until('\r\n\r\n')
      await peer.send(REPLY.replace('\r\n', '\r\nConnection: keep-alive\r\n'))
      expect(await end).toEqual(UNCHANGED)
      await goneFrom(peer)
    }
    expect(adapter.connections).toHaveLength(3)
  })

  test('are never tried twice', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/')
    const end = hook.pre(REQUEST, staying())
    const peer = await withCall(adapter)
    peer.leave()
    expect(await end).toMatchObject({ failure: { kind: 'unreachable' } })
    expect(adapter.connections).toHaveLength(1)
  })

  test('are so many at once and no more', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { connections: 2 })
    const ends = [1, 2, 3].map(() => hook.pre(REQUEST, staying()))
    const first = await withCall(adapter)
    const second = await withCall(adapter)
    expect(adapter.connections).toHaveLength(2)
    await first.send(REPLY)
    await goneFrom(first)
    const third = await withCall(adapter)
    await Promise.all([second.send(REPLY), third.send(REPLY)])
    expect(await Promise.all(ends)).toEqual([UNCHANGED, UNCHANGED, UNCHANGED])
  })

  test('are waited for by so many and no more', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { connections: 1, timeoutMs: 500 })
    const calls = Array.from({ length: 10 }, () => hook.pre(REQUEST, staying()))
    expect(await calls[9]).toEqual({
      ok: false,
      failure: { kind: 'unreachable', cause: 'too many calls are waiting for it' },
    })
    for (const call of calls.slice(0, 9)) expect(await call).toMatchObject({ failure: { kind: 'deadline' } })
  })
})

describe('kept connections', () => {
  test('serve one call after the other', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    let peer: Peer | undefined
    for (const _ of [1, 2, 3]) {
      const from = peer?.receivedBytes ?? 0
      const end = hook.pre(REQUEST, staying())
      peer ??= await adapter.accept()
      expect(await peer.until('}}', from)).toContain('connection: keep-alive')
      await peer.send(REPLY)
      expect(await end).toEqual(UNCHANGED)
    }
    expect(adapter.connections).toHaveLength(1)
  })

  test('are as many as there are calls at once', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const ends = [hook.pre(REQUEST, staying()), hook.pre(REQUEST, staying())]
    const peers = [await withCall(adapter), await withCall(adapter)]
    for (const peer of peers) await peer.send(REPLY)
    expect(await Promise.all(ends)).toEqual([UNCHANGED, UNCHANGED])
  })

  test('that have died at the next call are replaced, and the call is made again', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const { idle, end } = await callOnKept(adapter, hook)
    idle.leave()
    await (await withCall(adapter)).send(REPLY)
    expect(await end).toEqual(UNCHANGED)
    expect(adapter.connections).toHaveLength(2)
  })

  test('are replaced once for a call', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const { idle, end } = await callOnKept(adapter, hook)
    idle.leave()
    const next = await withCall(adapter)
    next.leave()
    expect(await end).toMatchObject({ failure: { kind: 'unreachable' } })
    expect(adapter.connections).toHaveLength(2)
  })

  test('are not replaced once anything has come back', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const { idle, end } = await callOnKept(adapter, hook)
    await idle.send('H')
    idle.finish()
    expect(await end).toMatchObject({ failure: { kind: 'unreachable' } })
    expect(adapter.connections).toHaveLength(1)
  })

  test('that the adapter closes while they are idle are opened anew', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false })
    const idle = await keptConnection(adapter, hook)
    idle.leave()
    await idle.close()
    const end = hook.pre(REQUEST, staying())
    await (await withCall(adapter)).send(REPLY)
    expect(await end).toEqual(UNCHANGED)
  })

  test('are not used again after a reply that was no good', async () => {
    await using adapter = await startScriptedAdapter()
    await using hook = hookTo(adapter.address, '/', { fresh: false, replyLimitBytes: 2 })
    const end = hook.pre(REQUEST, staying())
    const peer = await withCall(adapter)
    await peer.send(REPLY.replace('2', '3').replace('{}', '{ }'))
    expect(await end).toMatchObject({ failure: { kind: 'bad-reply' } })
    await goneFrom(peer)
  })
})

describe('a hook that is closed', () => {
  test('closes idle connections', async () => {
    await using adapter = await startScriptedAdapter()
    const hook = hookTo(adapter.address, '/', { fresh: false })
    const idle = await keptConnection(adapter, hook)
    await hook.close()
    await goneFrom(idle)
  })

  test('waits for the calls in hand, and keeps nothing after them', async () => {
    await using adapter = await startScriptedAdapter()
    const hook = hookTo(adapter.address, '/', { fresh: false })
    const end = hook.pre(REQUEST, staying())
    const peer = await withCall(adapter)
    const closing = hook.close()
    expect(await Promise.race([closing, 'still waiting'])).toBe('still waiting')
    await peer.send(REPLY)
    expect(await end).toEqual(UNCHANGED)
    await closing
    await goneFrom(peer)
  })

  test('can still be called, on connections for that call alone', async () => {
    await using adapter = await startScriptedAdapter()
    const hook = hookTo(adapter.address, '/', { fresh: false })
    await hook.close()
    const end = hook.pre(REQUEST, staying())
    const peer = await withCall(adapter)
    expect(peer.text).toContain('connection: close')
    await peer.send(REPLY)
    expect(await end).toEqual(UNCHANGED)
    await goneFrom(peer)
  })
})

async function withCall(adapter: ScriptedEngine): Promise<Peer> {
  const peer = await adapter.accept()
  await peer.until('}}')
  return peer
}

/** A connection that has served a call and is idle. */
async function keptConnection(adapter: ScriptedEngine, hook: RemoteHook): Promise<Peer> {
  const end = hook.pre(REQUEST, staying())
  const peer = await withCall(adapter)
  await peer.send(REPLY)
  await end
  return peer
}

/** A connection that has served a call and has got another one. */
async function callOnKept(adapter: ScriptedEngine, hook: RemoteHook) {
  const idle = await keptConnection(adapter, hook)
  const end = hook.pre(REQUEST, staying())
  await idle.until('}}', idle.receivedBytes)
  return { idle, end }
}

/** Resolves when the hook has left the connection; with something unread, it leaves by a reset. */
async function goneFrom({ socket, ended, closed }: Peer): Promise<void> {
  if (ended || closed) return
  await new Promise((resolve) => {
    socket.once('end', resolve)
    socket.once('close', resolve)
  })
}

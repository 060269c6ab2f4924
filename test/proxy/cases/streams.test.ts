/** Hooks beside streams: hijacks (S2, O31 to O35), `wait` (P16), endless answers (P15), archives, and leaving clients. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  adding,
  type Behaviour,
  echo,
  editing,
  modified,
  saying,
  setting,
  silent,
  startAdapter,
} from '../../support/cases/adapters.ts'
import { answering } from '../../support/cases/engine.ts'
import { messageOf, type Stage, setStage } from '../../support/cases/stage.ts'
import type { Peer } from '../../support/connect.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { peakResidentBytes, residentBytes } from '../../support/raw/proc.ts'
import { type ScriptedEngine, startScriptedEngine } from '../../support/scripted-engine.ts'

const ATTACH = '/v1.45/containers/a/attach?stream=1&stdin=1&stdout=1'
const EVERYTHING = { '* *': { pre: ['x'], post: ['x'] } }

let engine: ScriptedEngine
beforeEach(async () => {
  engine = await startScriptedEngine()
})
afterEach(() => engine[Symbol.asyncDispose]())

function staged(does: Behaviour, settings: Readonly<Record<string, unknown>> = {}) {
  return setStage({
    engine: engine.address,
    adapters: { x: { does, ...settings } },
    endpoints: EVERYTHING,
  })
}

/** What the engine gets first. */
async function received(peer: Peer, body = ''): Promise<string> {
  return await peer.until(`\r\n\r\n${body}`)
}

const RAW = 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'
const SWITCHED =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nX-Odd: 1\r\n\r\n'
const MULTIPLEXED = SWITCHED.replace('raw-stream', 'multiplexed-stream')

test.each([
  ['S2, O31: a 200 raw stream', RAW],
  ['O32: a 101', SWITCHED],
  ['O33: a multiplexed stream', MULTIPLEXED],
])(
  '%s goes both ways up to the last bytes after a half-close; the post-hook is not called',
  async (_id, head) => {
    await using stage = await staged(echo)
    await using client = await stage.connect()
    client.write(`POST ${ATTACH} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`)
    const dockerd = await engine.accept()
    await received(dockerd)
    await dockerd.send(`${head}hello`)
    expect(await client.head()).toBe(head)
    await client.until('hello')
    client.write('typed')
    await dockerd.until('typed')
    client.end()
    await dockerd.end()
    await dockerd.send('last words')
    dockerd.finish()
    expect((await client.rest()).bytes.toString()).toBe('last words')
    expect(stage.adapter('x').calls.map(({ message }) => message.Type)).toEqual(['pre-hook'])
    expect(await stage.exchange()).toMatchObject({ fate: 'hijacked', responseBytes: head.length + 15 })
    expect(stage.notes()).toMatchObject([{ kind: 'post-hooks-skipped', adapters: ['x'], reason: 'two-way' }])
  },
)

test('O34: on a failed attach post-hooks run', async () => {
  await using stage = await staged(editing(({ message }) => ({ message: `${message}!` })))
  await using client = await stage.connect()
  client.write(request('POST', ATTACH))
  const dockerd = await engine.accept()
  await received(dockerd)
  const body = '{"message":"No such container: a"}'
  await dockerd.send(
    `HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  const answer = await client.answer()
  expect([answer.status, messageOf(answer)]).toEqual([404, 'No such container: a!'])
  expect(await stage.exchange()).toMatchObject({ fate: 'changed', status: 404 })
})

test('O35: stdin that comes early waits for the switch', async () => {
  await using stage = await staged(echo)
  await using client = await stage.connect()
  client.write(`${request('POST', ATTACH, undefined, ['Connection: Upgrade', 'Upgrade: tcp'])}early`)
  const dockerd = await engine.accept()
  expect(await received(dockerd)).not.toContain('early')
  expect(dockerd.text.endsWith('\r\n\r\n')).toBe(true)
  await dockerd.send(SWITCHED)
  await dockerd.until('early')
  client.destroy()
})

test('O35: without a switch early stdin is dropped, and the connection ends', async () => {
  await using stage = await staged(echo)
  await using client = await stage.connect()
  client.write(`${request('POST', ATTACH)}POST /v1.45/containers/a/kill HTTP/1.1\r\nHost: docker\r\n\r\n`)
  const dockerd = await engine.accept()
  await received(dockerd)
  await dockerd.send('HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n')
  expect((await client.answer()).status).toBe(409)
  expect((await client.rest()).bytes).toHaveLength(0)
  expect(await dockerd.end()).not.toContain('kill')
  expect(engine.connections).toHaveLength(1)
})

test('the JSON of an exec start is judged, then its stream is joined', async () => {
  await using stage = await staged(editing((body) => ({ ...body, Tty: true })))
  await using client = await stage.connect()
  client.write(
    `${request('POST', '/v1.45/exec/e/start', { Detach: false }, ['Connection: Upgrade', 'Upgrade: tcp'])}early`,
  )
  const dockerd = await engine.accept()
  const seen = await received(dockerd, '{"Detach":false,"Tty":true}')
  expect(seen).toMatch(/Upgrade: tcp\r\n/)
  expect(seen).toMatch(/Content-Length: 27\r\n/)
  expect(seen).not.toContain('early')
  await dockerd.send(`${SWITCHED}hello`)
  expect(await client.head()).toBe(SWITCHED)
  await client.until('hello')
  await dockerd.until('early')
  dockerd.finish()
  await client.rest()
  client.end()
  expect(await stage.exchange()).toMatchObject({ fate: 'hijacked', status: 101 })
  expect(stage.adapter('x').calls).toHaveLength(1)
})

test('a detached exec start ends in an answer, which post-hooks see', async () => {
  await using stage = await staged(echo)
  await using client = await stage.connect()
  client.write(request('POST', '/v1.45/exec/e/start', { Detach: true }))
  const dockerd = await engine.accept()
  await received(dockerd, '{"Detach":true}')
  await dockerd.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  expect((await client.answer()).status).toBe(200)
  expect(stage.adapter('x').calls.map(({ message }) => message.Type)).toEqual(['pre-hook', 'post-hook'])
  expect(await stage.exchange()).toMatchObject({ fate: 'unchanged' })
})

test.each([
  ['an attach', 'POST', ATTACH, 'two-way'],
  ['a websocket', 'GET', '/v1.45/containers/a/attach/ws?stream=1', 'two-way'],
  ['a session', 'POST', '/v1.45/session', 'two-way'],
  ['events', 'GET', '/v1.45/events', 'endless'],
  ['followed logs', 'GET', '/v1.45/containers/a/logs?stdout=1&follow=1', 'endless'],
  ['streamed stats', 'GET', '/v1.45/containers/a/stats', 'endless'],
])('onUnsupported: fail refuses %s before the engine is asked', async (_what, method, target, reason) => {
  await using stage = await staged(echo, { onUnsupported: 'fail' })
  const answer = await stage.ask(method, target)
  expect([answer.status, messageOf(answer)]).toEqual([501, expect.stringContaining(reason)])
  expect(messageOf(answer)).toContain('adapter "x"')
  expect(engine.connections).toEqual([])
  expect(await stage.exchange()).toMatchObject({ fate: 'ambiguous', status: 501 })
})

test.each([RAW, SWITCHED])('onUnsupported: fail stops an exec start that turns two-way: %j', async (head) => {
  await using stage = await staged(echo, { onUnsupported: 'fail' })
  await using client = await stage.connect()
  client.write(
    request('POST', '/v1.45/exec/e/start', { Detach: false }, ['Connection: Upgrade', 'Upgrade: tcp']),
  )
  const dockerd = await engine.accept()
  await received(dockerd, '{"Detach":false}')
  await dockerd.send(`${head}unjudged`)
  const answer = await client.answer()
  expect(answer.status).toBe(502)
  expect(messageOf(answer)).toMatch(/; the engine had already answered (?:200|101)$/)
  await dockerd.end()
  expect(await stage.exchange()).toMatchObject({ fate: 'post-failed', status: 502 })
})

test.each(['application/x-tar', 'application/json'])(
  'onUnsupported: fail stops a binary answer labelled %s',
  async (type) => {
    await using stage = await setStage({
      engine: answering(200, type, Buffer.from([0xff, 0xfe, 0, 1])),
      adapters: { x: { does: echo, onUnsupported: 'fail' } },
      endpoints: EVERYTHING,
    })
    const answer = await stage.ask('GET', '/v1.45/towel')
    expect([answer.status, messageOf(answer)]).toEqual([
      502,
      'the answer cannot be shown to a hook that insists on seeing it ("onUnsupported: fail"); the engine had already answered 200',
    ])
    expect(await stage.exchange()).toMatchObject({ fate: 'post-failed', status: 502 })
  },
)

test('P15: events pass a post-hook as they come, and the skip is told', async () => {
  await using stage = await staged(echo)
  await using client = await stage.connect()
  client.write(request('GET', '/v1.45/events'))
  const dockerd = await engine.accept()
  await received(dockerd)
  await dockerd.send(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await client.head()
  await dockerd.send('2\r\n{}\r\n')
  await client.until('2\r\n{}\r\n')
  expect(stage.adapter('x').calls.map(({ message }) => message.Type)).toEqual(['pre-hook'])
  expect(stage.notes()).toMatchObject([{ kind: 'post-hooks-skipped', adapters: ['x'], reason: 'endless' }])
})

const WAIT = '/v1.45/containers/a/wait?condition=next-exit'
const WAIT_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'

/** A `wait` whose head the client has, and whose body the engine says only then. */
async function waited(does: Behaviour) {
  const stage = await setStage({
    engine: engine.address,
    adapters: { x: does },
    endpoints: { 'POST /*/containers/*/wait': { post: ['x'] } },
  })
  const client = await stage.connect()
  client.write(request('POST', WAIT))
  const dockerd = await engine.accept()
  await received(dockerd)
  await dockerd.send(WAIT_HEAD)
  expect(await client.head()).toBe(WAIT_HEAD)
  await dockerd.send('10\r\n{"StatusCode":0}\r\n')
  await dockerd.send('0\r\n\r\n')
  return {
    stage,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy()
      await stage[Symbol.asyncDispose]()
    },
  }
}

test('P16: the head of a wait goes out at once, and the hook changes the body behind it', async () => {
  const changed = setting({ Body: '{"StatusCode":7}', Code: 500, ContentType: 'text/x' })
  await using case_ = await waited(changed)
  expect((await case_.client.until('0\r\n\r\n')).toString()).toBe('10\r\n{"StatusCode":7}\r\n0\r\n\r\n')
  expect(await case_.stage.exchange()).toMatchObject({ fate: 'changed', status: 200 })
  case_.client.write(request('GET', '/_ping'))
  await engine.connections[0]?.until('GET /_ping')
})

test('P16: a hook that changes nothing leaves a wait as it came', async () => {
  await using case_ = await waited(echo)
  expect((await case_.client.until('0\r\n\r\n')).toString()).toBe('10\r\n{"StatusCode":0}\r\n0\r\n\r\n')
  expect(await case_.stage.exchange()).toMatchObject({ fate: 'unchanged', status: 200 })
})

test.each([
  [403, 'post-denied'],
  [500, 'post-failed'],
])('P16: a hook that answers %i cuts a wait off', async (status, fate) => {
  await using case_ = await waited(saying(status, 'no'))
  expect((await case_.client.rest()).bytes.toString()).toBe('')
  expect(await case_.stage.exchange()).toMatchObject({ fate, detail: expect.stringContaining('adapter "x"') })
})

describe.each(['unix', 'tcp'] as const)('a client on a %s socket that leaves', (via) => {
  // On TCP a FIN does not tell a client that left from one that has no more to say; a reset does.
  const leave = ({ socket }: RawPeer) => (via === 'tcp' ? socket.resetAndDestroy() : socket.destroy())

  test('during a pre-hook ends the call, and the engine is not asked', async () => {
    await using stage = await staged(silent)
    await using client = await stage.connect(via)
    client.write(request('POST', '/v1.45/towel', { a: 1 }))
    const call = await stage.adapter('x').called()
    leave(client)
    await call.hungUp
    expect(await stage.exchange()).toMatchObject({ fate: 'aborted' })
    expect(engine.connections).toEqual([])
    await nothingOpen(stage)
  })

  test('during a post-hook ends the call and the engine’s connection', async () => {
    await using stage = await staged((message) => (message.Type === 'pre-hook' ? echo(message) : silent()))
    await using client = await stage.connect(via)
    client.write(request('POST', '/v1.45/towel', { a: 1 }))
    const dockerd = await engine.accept()
    await received(dockerd, '{"a":1}')
    await dockerd.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
    const call = await stage.adapter('x').called(2)
    leave(client)
    await call.hungUp
    await dockerd.end()
    expect(await stage.exchange()).toMatchObject({ fate: 'aborted' })
    await nothingOpen(stage)
  })

  test('during the engine’s own work ends that, and no post-hook is called', async () => {
    await using stage = await staged(echo)
    await using client = await stage.connect(via)
    client.write(request('POST', '/v1.45/towel', { a: 1 }))
    const dockerd = await engine.accept()
    await received(dockerd, '{"a":1}')
    leave(client)
    await dockerd.end()
    dockerd.leave()
    expect(await stage.exchange()).toMatchObject({ fate: 'aborted' })
    expect(stage.adapter('x').calls).toHaveLength(1)
    await nothingOpen(stage)
  })
})

test('a client that only ends its side still gets its answer, hooks and all', async () => {
  await using stage = await staged((message) => modified(message, { Body: '{"b":2}' }))
  await using client = await stage.connect()
  client.write(request('POST', '/v1.45/towel', { a: 1 }))
  client.end()
  const dockerd = await engine.accept()
  await received(dockerd, '{"b":2}')
  await dockerd.end()
  await dockerd.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
  expect((await client.answer()).body.toString()).toBe('{"b":2}')
})

test('requests that a client sends ahead are judged in turn', async () => {
  await using stage = await setStage({
    adapters: { one: adding(1) },
    endpoints: { 'POST *': { pre: ['one'] } },
  })
  await using client = await stage.connect()
  client.write([1, 2, 3].map((n) => request('POST', '/v1.45/towel', { Number: n })).join(''))
  for (const expected of [2, 3, 4])
    expect(JSON.parse((await client.answer()).body.toString())).toMatchObject({ Number: expected })
})

const BIG_BYTES = 200 * 1024 * 1024
const PIECE = Buffer.alloc(256 * 1024, 'tar')

test('an archive of 200 MB passes a pre-hook, which sees null, and none of it is kept', async () => {
  let arrivedBytes = 0
  const sink = createServer((upload, response) => {
    upload.on('data', (piece: Buffer) => {
      arrivedBytes += piece.length
    })
    upload.on('end', () => response.end())
  }).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  await using adapter = await startAdapter(echo)
  await using powerstrip = await startPowerstrip({
    upstream: `tcp://127.0.0.1:${(sink.address() as AddressInfo).port}`,
    config: JSON.stringify({ endpoints: { '* *': { pre: ['x'] } }, adapters: { x: adapter.url } }),
  })
  const before = residentBytes(powerstrip.pid)
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  client.write(
    `PUT /v1.45/containers/a/archive?path=%2F HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: ${BIG_BYTES}\r\n\r\n`,
  )
  for (let sent = 0; sent < BIG_BYTES; sent += PIECE.length) await client.writeAll(PIECE)
  expect((await client.answer()).status).toBe(200)
  expect(arrivedBytes).toBe(BIG_BYTES)
  expect(adapter.calls.map(({ message }) => message.ClientRequest.Body)).toEqual([null])
  // What the sockets' buffers and the collector's rhythm take is a matter of tens of megabytes.
  expect(peakResidentBytes(powerstrip.pid) - before).toBeLessThan(BIG_BYTES / 2)
  sink.close()
  sink.closeAllConnections()
})

/** Neither the proxy nor its adapter has anything left of the exchange. */
async function nothingOpen(stage: Stage): Promise<void> {
  const count = async () => [stage.proxy.connections, await stage.adapter('x').connections()]
  const late = performance.now() + 10_000
  while (performance.now() < late && (await count()).some((open) => open > 0)) await sleep(10)
  expect(await count()).toEqual([0, 0])
}

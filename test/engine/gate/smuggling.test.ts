/**
 * Requests that two readers could cut into different ones, from a raw socket through powerstrip to a real engine. At most one
 * arrives there, and it is one that the hook has judged. Created containers are counted: what an engine has executed, it has.
 */
import { type CaseAdapter, echo, startAdapter } from '../../support/cases/adapters.ts'
import { describeEachEngine, runLabel } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { mustAsk } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'

let made = 0

function freshPrefix(): string {
  made += 1
  return `smuggling-${process.pid}-${made}-`
}

/** A create by this name, with the run's label, and the fields that a test puts in. */
function create(name: string, frame: (body: string) => { fields: readonly string[]; body: string }): string {
  const [key, run] = runLabel().split('=') as [string, string]
  const json = JSON.stringify({
    Image: 'busybox:latest',
    Labels: { [key]: run },
    HostConfig: { NetworkMode: 'none' },
  })
  const { fields, body } = frame(json)
  return [
    `POST /v1.41/containers/create?name=${name} HTTP/1.1`,
    'Host: docker',
    'Content-Type: application/json',
    ...fields,
    '',
    body,
  ].join('\r\n')
}

const whole = (name: string) => create(name, (body) => ({ fields: [`Content-Length: ${body.length}`], body }))
const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`
const CHUNKED = 'Transfer-Encoding: chunked'

/** `one`: the request that is in sight. `two`: the one that is hidden in it or behind it. */
const AMBIGUITIES: Readonly<Record<string, (one: string, two: string) => string>> = {
  'a length and chunks': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: ${body.length}`, CHUNKED],
      body: `${chunk(body)}0\r\n\r\n${whole(two)}`,
    })),
  'chunks and a length that covers another request': (one, two) =>
    create(one, (body) => ({
      fields: [CHUNKED, `Content-Length: ${body.length + whole(two).length}`],
      body: `0\r\n\r\n${whole(two)}`,
    })),
  'two lengths, the short one first': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: ${body.length}`, `Content-Length: ${body.length + whole(two).length}`],
      body: body + whole(two),
    })),
  'two lengths, the long one first': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: ${body.length + whole(two).length}`, `Content-Length: ${body.length}`],
      body: body + whole(two),
    })),
  'two equal lengths': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: ${body.length}`, `Content-Length: ${body.length}`],
      body: body + whole(two),
    })),
  'a list of lengths': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: ${body.length}, ${body.length}`],
      body: body + whole(two),
    })),
  'a signed length': (one, two) =>
    create(one, (body) => ({ fields: [`Content-Length: +${body.length}`], body: body + whole(two) })),
  'a length in hexadecimal': (one, two) =>
    create(one, (body) => ({
      fields: [`Content-Length: 0x${body.length.toString(16)}`],
      body: body + whole(two),
    })),
  'a length with a leading zero': (one, two) =>
    create(one, (body) => ({ fields: [`Content-Length: 0${body.length}`], body: body + whole(two) })),
  'a length of zero and a body': (one, two) =>
    create(one, () => ({ fields: ['Content-Length: 0'], body: whole(two) })),
  'no length and a body': (one, two) => create(one, () => ({ fields: [], body: whole(two) })),
  'a length behind a space': (one, two) =>
    create(one, (body) => ({ fields: [`Content-Length : ${body.length}`], body: body + whole(two) })),
  'a folded length': (one, two) =>
    create(one, (body) => ({ fields: [`Content-Length:\r\n ${body.length}`], body: body + whole(two) })),
  'a length behind a bare LF': (one, two) =>
    create(one, (body) => ({ fields: [`X: y\nContent-Length: ${body.length}`], body: body + whole(two) })),
  'a length behind a bare CR': (one, two) =>
    create(one, (body) => ({ fields: [`X: y\rContent-Length: ${body.length}`], body: body + whole(two) })),
  'a coding with a tab': (one, two) =>
    create(one, (body) => ({
      fields: ['Transfer-Encoding:\tchun\tked', `Content-Length: ${body.length}`],
      body: body + whole(two),
    })),
  'a coding of two': (one, two) =>
    create(one, (body) => ({
      fields: ['Transfer-Encoding: identity, chunked'],
      body: `${chunk(body)}0\r\n\r\n${whole(two)}`,
    })),
  'an unknown coding and a length': (one, two) =>
    create(one, (body) => ({
      fields: ['Transfer-Encoding: xchunked', `Content-Length: ${body.length}`],
      body: body + whole(two),
    })),
  'a chunk extension that holds a line': (one, two) =>
    create(one, (body) => ({
      fields: [CHUNKED],
      body: `${body.length.toString(16)};a=\n${body}\r\n0\r\n\r\n${whole(two)}`,
    })),
  'a chunk size in a line that ends in LF': (one, two) =>
    create(one, (body) => ({
      fields: [CHUNKED],
      body: `${body.length.toString(16)}\n${body}\r\n0\r\n\r\n${whole(two)}`,
    })),
  'a chunk size with a sign': (one, two) =>
    create(one, (body) => ({ fields: [CHUNKED], body: `+${chunk(body)}0\r\n\r\n${whole(two)}` })),
  'a chunk size that overflows': (one, two) =>
    create(one, (body) => ({
      fields: [CHUNKED],
      body: `1${body.length.toString(16).padStart(16, '0')}\r\n${body}\r\n0\r\n\r\n${whole(two)}`,
    })),
  'a chunk longer than its size': (one, two) =>
    create(one, (body) => ({
      fields: [CHUNKED],
      body: `${(body.length - 1).toString(16)}\r\n${body}\r\n0\r\n\r\n${whole(two)}`,
    })),
  'a request within a trailer': (one, two) =>
    create(one, (body) => ({ fields: [CHUNKED], body: `${chunk(body)}0\r\nX: y\r\n${whole(two)}` })),
  'a last chunk that ends in LF': (one, two) =>
    create(one, (body) => ({ fields: [CHUNKED], body: `${chunk(body)}0\n\n${whole(two)}` })),
  'Connection names the length': (one, two) =>
    create(one, (body) => ({
      fields: ['Connection: close, Content-Length', `Content-Length: ${body.length}`],
      body: body + whole(two),
    })),
  'a wish to upgrade and another request behind it': (one, two) =>
    create(one, (body) => ({
      fields: ['Connection: Upgrade', 'Upgrade: tcp', 'Content-Length: 1'],
      body: `{${body}${whole(two)}`,
    })),
  'a GET with a body that is a request': (_one, two) =>
    `GET /v1.41/_ping HTTP/1.1\r\nHost: docker\r\nContent-Length: ${whole(two).length}\r\n\r\n${whole(two)}`,
  'a HEAD with chunks that are a request': (_one, two) =>
    `HEAD /_ping HTTP/1.1\r\nHost: docker\r\n${CHUNKED}\r\n\r\n0\r\n\r\n${whole(two)}`,
  'HTTP/1.0 with chunks': (one, two) =>
    create(one, (body) => ({ fields: [CHUNKED], body: `${chunk(body)}0\r\n\r\n${whole(two)}` })).replace(
      'HTTP/1.1',
      'HTTP/1.0',
    ),
  'a request line within a target': (one, two) =>
    whole(`${one} HTTP/1.1\r\nHost: docker\r\n\r\n${whole(two)}`),
}

describeEachEngine('a request with two readings', (engine) => {
  let judge: CaseAdapter
  let powerstrip: Powerstrip

  beforeAll(async () => {
    judge = await startAdapter(echo)
    powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: { 'POST /*/containers/create': { pre: ['judge'] } },
        adapters: { judge: judge.url },
      }),
    })
  })

  afterAll(async () => {
    await powerstrip.stop()
    await judge[Symbol.asyncDispose]()
  })

  test.each(Object.keys(AMBIGUITIES))('%s', async (what) => {
    const prefix = freshPrefix()
    const before = judge.calls.length
    await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
    client.write(AMBIGUITIES[what]!(`${prefix}one`, `${prefix}two`))
    client.end()
    const said = (await client.rest()).bytes.toString('latin1')

    const filters = encodeURIComponent(JSON.stringify({ name: [prefix] }))
    const list = await mustAsk(engine(), 'GET', `/containers/json?all=1&filters=${filters}`)
    const there = JSON.parse(list) as { readonly Id: string; readonly Names: readonly string[] }[]
    for (const { Id } of there) await mustAsk(engine(), 'DELETE', `/containers/${Id}?force=1`)
    const names = there.flatMap(({ Names }) => Names.map((name) => name.slice(1)))
    const judged = judge.calls
      .slice(before)
      .map(({ message }) => new URL(message.ClientRequest.Request, 'http://docker').searchParams.get('name'))

    expect(names.length).toBeLessThanOrEqual(1)
    expect(judged).toEqual(expect.arrayContaining(names))
    // The client is told why, and its connection is over.
    expect(said).toMatch(/^HTTP\/1\.1 [45][0-9]{2} |\r\n\r\nHTTP\/1\.1 [45][0-9]{2} |^HTTP\/1\.1 400/)
  })

  test('the same requests, one behind the other and each whole, both arrive', async () => {
    const prefix = freshPrefix()
    await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
    client.write(whole(`${prefix}one`) + whole(`${prefix}two`))
    for (const _ of [1, 2]) {
      const { Id } = JSON.parse((await client.answer('POST')).body.toString()) as { Id: string }
      await mustAsk(engine(), 'DELETE', `/containers/${Id}?force=1`)
    }
  })
})

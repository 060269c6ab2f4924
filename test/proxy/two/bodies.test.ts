/** Protocol 2, section 7, over real sockets: which bodies hooks see, how large, how strictly read, and what they never see. */
import { answering } from '../../support/cases/engine.ts'
import { request } from '../../support/raw/box.ts'
import { startScriptedEngine } from '../../support/scripted-engine.ts'
import type { Behaviour } from '../../support/two/adapter.ts'
import { CREATE, messageOf, setTwo, type TwoStage } from '../../support/two/stage.ts'

const allow: Behaviour = () => undefined
const MIB = 1024 * 1024

async function createWith(scene: TwoStage, body: string | Buffer, type = 'application/json') {
  await using client = await scene.connect()
  const head = `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  client.write(Buffer.concat([Buffer.from(head), Buffer.from(body)]))
  return await client.answer('POST')
}

const pre = (does: Behaviour = allow) =>
  setTwo({ adapters: { a: does }, endpoints: { ContainerCreate: { pre: ['a'] } } })

describe('the gate, before any hook', () => {
  test.each<[string, string | Buffer]>([
    ['V2-7.5: bytes that are no UTF-8', Buffer.from('{"Image":"\xff"}', 'latin1')],
    ['V2-7.5: something behind the document', '{"Image":"a"}{"Image":"b"}'],
    ['V2-7.5: no JSON', 'Image=a'],
    ['V2-7.6: a key twice', '{"Image":"a","Image":"b"}'],
    ['V2-7.6: a key twice, once escaped', '{"Image":"a","Im\\u0061ge":"b"}'],
    ['V2-7.6: a key in two cases', '{"Image":"a","image":"b"}'],
    ['V2-7.6: a long s', '{"HostConfig":{"Binds":[],"Bindſ":[]}}'],
    ['V2-7.6: a Kelvin sign', '{"HostConfig":{"Links":[],"Lin\u212as":[]}}'],
    ['V2-7.8: __proto__', '{"Image":"a","__proto__":{"Image":"b"}}'],
    ['V2-7.2: a depth of 65', `{"Image":"a","X":${'['.repeat(64)}${']'.repeat(64)}}`],
  ])('%s is 400, and nobody has seen it', async (_what, body) => {
    await using scene = await pre()
    expect((await createWith(scene, body)).status).toBe(400)
    expect(scene.timeline).toEqual([])
    expect(scene.engine.requests).toEqual([])
  })

  test.each<[string, number]>([
    ['application/json; charset=utf-8', 400],
    ['Application/JSON', 400],
    // The engine reads no JSON from these, or might read something else.
    ['', 415],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
  ])('V2-7.5: a key twice under the type "%s" is %d', async (type, status) => {
    await using scene = await pre()
    expect((await createWith(scene, '{"Image":"a","Image":"b"}', type)).status).toBe(status)
    expect(scene.timeline).toEqual([])
    expect(scene.engine.requests).toEqual([])
  })

  test.each([
    ['V2-7.6: case is data in labels', '{"Labels":{"a":"1","A":"2"}}'],
    ['V2-7.6: and in sysctls', '{"HostConfig":{"Sysctls":{"net.X":"1","net.x":"2"}}}'],
    ['V2-7.8: constructor and prototype are names', '{"Labels":{"constructor":"1","prototype":"2"}}'],
    [
      'V2-7.9, V2-7.10: digits and spacing stay',
      '{ "HostConfig" : {"Memory":12345678901234567890, "X": 1.10 } }',
    ],
    ['V2-7.2: a depth of 64', `{"X":${'['.repeat(63)}${']'.repeat(63)}}`],
  ])('%s', async (_what, body) => {
    await using scene = await pre()
    expect((await createWith(scene, body)).status).toBe(201)
    expect(scene.timeline[0]!.text).toContain(`"Body":${body},`)
    expect(scene.engine.onlyRequest.body).toBe(body)
  })

  test('V2-7.7: a known key in other letters is shown, and sent, as the engine spells it', async () => {
    await using scene = await pre()
    const body = '{"iMaGe":"a", "hostconfig":{"privileged":true,"Labels":1}}'
    expect((await createWith(scene, body)).status).toBe(201)
    const expected = '{"Image":"a", "HostConfig":{"Privileged":true,"Labels":1}}'
    expect(scene.timeline[0]!.text).toContain(`"Body":${expected},`)
    expect(scene.engine.onlyRequest.body).toBe(expected)
  })
})

describe('sizes, unless the configuration says otherwise', () => {
  const filled = (bytes: number) => `{"Image":"${'x'.repeat(bytes - '{"Image":""}'.length)}"}`

  test('V2-7.2, V2-7.3: a request of 4 MiB is shown, a byte more is 413', async () => {
    await using scene = await pre()
    expect((await createWith(scene, filled(4 * MIB))).status).toBe(201)
    expect((await createWith(scene, filled(4 * MIB + 1))).status).toBe(413)
    expect(scene.timeline.map(({ message }) => message.ClientRequest.BodyLength)).toEqual([4 * MIB])
  })

  test.each([
    [8 * MIB, 200],
    [8 * MIB + 1, 502],
  ])('V2-7.2, V2-7.3: an answer of %d bytes: %d', async (bytes, status) => {
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ContainerList: { post: ['a'] } },
      engine: answering(200, 'application/json', filled(bytes)),
    })
    const answer = await scene.ask('GET', '/containers/json')
    expect(answer.status).toBe(status)
    expect(scene.timeline).toHaveLength(status === 200 ? 1 : 0)
  })

  test('V2-7.2, V2-5.15: a reply of more than 32 MiB is a failure', async () => {
    await using scene = await pre(() => `{"AuditAnnotations":{"a":"${'x'.repeat(32 * MIB)}"}}`)
    expect(messageOf(await scene.create())).toContain(`its reply is larger than ${32 * MIB} bytes`)
  })

  test('V2-7.3: omit shows post and observe an answer without its body, and lets it pass', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, onOversize: 'omit', maxBodyBytes: 50 } },
      endpoints: { ContainerCreate: { post: ['a'], observe: ['a'] } },
    })
    const answer = await scene.create({ Image: 'x'.repeat(50) })
    expect(answer.status).toBe(201)
    await scene.adapter('a').called(1, 'observe-hook')
    for (const { message } of scene.timeline)
      expect(message.ClientRequest).toMatchObject({ Body: null, BodyEncoding: 'omitted' })
  })

  test('V2-1.3: a client that breaks off in its body has asked for nothing', async () => {
    await using scene = await pre()
    const client = await scene.connect()
    client.write(
      `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"Image":`,
    )
    client.end()
    await client.rest()
    await client[Symbol.asyncDispose]()
    expect(scene.timeline).toEqual([])
    expect(scene.engine.requests).toEqual([])
  })
})

test('V2-7.10: a 1 MB body that a hook allows with 204 reaches the engine as the very bytes that came', async () => {
  // Spacing, escapes and digits that any reading and writing anew would change.
  const item = '{ "k\\u0061" :1.10,"b" : 12345678901234567890 ,"é":"\\/" }'
  const body = `{"Image":"busybox","Labels":{},\n"X":[${Array(20_000).fill(item).join(' , ')}]}`
  expect(Buffer.byteLength(body)).toBeGreaterThan(MIB)
  await using scene = await setTwo({
    adapters: { a: allow, b: allow },
    endpoints: { ContainerCreate: { pre: ['a', 'b'], validate: ['a'], post: ['b'] } },
  })
  expect((await createWith(scene, body)).status).toBe(201)
  expect(scene.engine.onlyRequest.body === body).toBe(true)
  for (const { text } of scene.timeline)
    expect(text.includes(`"Body":${body},"BodyEncoding":"json"`)).toBe(true)
})

describe('V2-7.11: a connection that turns two-way', () => {
  const SWITCHED =
    'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
  const EXEC = '/v1.45/exec/e/start'

  test('V2-7.11: exec start is judged with its JSON, nobody sees what follows, observers learn how much it was', async () => {
    await using engine = await startScriptedEngine()
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ExecStart: { pre: ['a'], validate: ['a'], post: ['a'], observe: ['a'] } },
      engine: engine.address,
    })
    await using client = await scene.connect()
    client.write(request('POST', EXEC, { Detach: false, Tty: true }, ['Connection: Upgrade', 'Upgrade: tcp']))
    const dockerd = await engine.accept()
    await dockerd.until('"Tty":true}')
    await dockerd.send(`${SWITCHED}secret output`)
    await client.until('secret output')
    client.write('secret input')
    await dockerd.until('secret input')
    dockerd.finish()
    client.end()
    await client.rest()
    const { message } = await scene.adapter('a').called(1, 'observe-hook')
    expect(scene.timeline.map(({ type }) => type)).toEqual(['pre-hook', 'validate-hook', 'observe-hook'])
    expect(scene.timeline[0]!.message.ClientRequest.Body).toEqual({ Detach: false, Tty: true })
    for (const { text } of scene.timeline) expect(text).not.toContain('secret')
    expect(message.Fate).toBe('hijacked')
    expect(message.ResponseBytes).toBe(SWITCHED.length + 'secret output'.length)
    expect(message.RequestBytes).toBeGreaterThan('secret input'.length)
  })

  test.each([
    ['an exec', 'POST', EXEC, { Detach: false }, 'tcp'],
    ['an attach', 'POST', '/v1.45/containers/a/attach?stream=1', undefined, 'tcp'],
    ['BuildKit’s session', 'POST', '/session', undefined, 'h2c'],
    ['anything', 'POST', CREATE, { Image: 'x' }, 'tcp'],
  ])(
    'V2-7.12: %s with an Upgrade is refused by its hooks all the same',
    async (_what, method, target, body, to) => {
      await using scene = await setTwo({
        adapters: { a: () => ({ Allowed: false, Status: { Message: 'no' } }) },
        endpoints: { '*': { pre: ['a'] } },
      })
      const answer = await scene.ask(method, target, body, ['Connection: Upgrade', `Upgrade: ${to}`])
      expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "a": no'])
      expect(scene.engine.requests).toEqual([])
    },
  )

  test('V2-7.12: HTTP/2 without an upgrade is refused', async () => {
    await using scene = await pre()
    await using client = await scene.connect()
    client.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    expect((await client.answer()).status).toBe(505)
    expect(scene.engine.requests).toEqual([])
  })
})

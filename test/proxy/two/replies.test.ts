/** Protocol 2, section 5, over real sockets: what a reply may do, and everything that a careless or hostile one tries. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answering, type EngineScript, sendJson } from '../../support/cases/engine.ts'
import { holdLimits } from '../../support/time-limits.ts'
import { type Behaviour, V2 } from '../../support/two/adapter.ts'
import { CREATE, created, jsonOf, messageOf, setTwo, type TwoStage } from '../../support/two/stage.ts'

const allow: Behaviour = () => undefined
const BODY = '{"Image":"busybox","HostConfig":{"Memory":9007199254740993},"Labels":{"a":"1","b":"2"}}'

/** A create with a body to the byte. */
async function createWith(scene: TwoStage, body: string) {
  await using client = await scene.connect()
  client.write(
    `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  return await client.answer('POST')
}

type Lists = Readonly<Record<string, readonly string[]>>
const one = (does: Behaviour, lists: Lists = { pre: ['a'] }, engine: EngineScript = created) =>
  setTwo({ adapters: { a: does }, endpoints: { ContainerCreate: lists }, engine })

describe('patches', () => {
  test.each<[string, string, string]>([
    [
      'test, and what follows it',
      '"Patch":[{"op":"test","path":"/HostConfig/Memory","value":9007199254740993},{"op":"remove","path":"/Labels/a"}]',
      '{"Image":"busybox","HostConfig":{"Memory":9007199254740993},"Labels":{"b":"2"}}',
    ],
    [
      'move and copy of large numbers',
      '"Patch":[{"op":"copy","from":"/HostConfig/Memory","path":"/HostConfig/MemorySwap"}]',
      '{"Image":"busybox","HostConfig":{"Memory":9007199254740993,"MemorySwap":9007199254740993},"Labels":{"a":"1","b":"2"}}',
    ],
    [
      'a merge patch in which null removes',
      '"PatchType":"JSONMergePatch","Patch":{"Labels":{"a":null,"c":"3"},"HostConfig":{"NanoCpus":9007199254740995}}',
      '{"Image":"busybox","HostConfig":{"Memory":9007199254740993,"NanoCpus":9007199254740995},"Labels":{"b":"2","c":"3"}}',
    ],
  ])('V2-5.4, V2-7.9: %s', async (_what, patch, expected) => {
    await using scene = await one(() => `{${patch}}`)
    expect((await createWith(scene, BODY)).status).toBe(201)
    expect(scene.engine.onlyRequest.body).toBe(expected)
  })

  test.each([
    ['a test that two readers of numbers could take to hold', '/HostConfig/Memory', 9007199254740992],
    ['a test of what is not there', '/Nope', 1],
  ])('V2-5.4: %s does not, and nothing of the patch is done', async (_what, path, value) => {
    const patch = [
      { op: 'remove', path: '/Labels' },
      { op: 'test', path, value },
    ]
    await using scene = await setTwo({
      adapters: { a: { does: () => ({ Patch: patch }), onError: 'ignore' } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    await createWith(scene, BODY)
    expect(scene.engine.onlyRequest.body).toBe(BODY)
  })

  test('V2-5.4, V2-7.9: the answer is patched likewise', async () => {
    await using scene = await one(
      () => '{"Patch":[{"op":"add","path":"/Size","value":9007199254740993}]}',
      { post: ['a'] },
      answering(201, 'application/json', '{"Id":"abc","Big":12345678901234567890}'),
    )
    const answer = await scene.create()
    expect(answer.body.toString()).toBe('{"Id":"abc","Big":12345678901234567890,"Size":9007199254740993}')
  })
})

describe('a body is changed in one way', () => {
  test.each<[string, object, Lists]>([
    ['an empty Patch and Body', { Patch: [], ModifiedClientRequest: { Body: '{}' } }, { pre: ['a'] }],
    [
      'Patch and the Body that was sent',
      {
        Patch: [{ op: 'remove', path: '/Image' }],
        ModifiedClientRequest: { Body: { Image: 'busybox' } },
      },
      { pre: ['a'] },
    ],
    [
      'a Patch that only tests, and Body',
      { Patch: [{ op: 'test', path: '', value: {} }], ModifiedClientRequest: { Body: '{}' } },
      { pre: ['a'] },
    ],
    [
      'Patch and Body of an answer',
      {
        PatchType: 'JSONMergePatch',
        Patch: { x: 1 },
        ModifiedServerResponse: { Body: {} },
      },
      { post: ['a'] },
    ],
    [
      'ImmediateResponse and Patch',
      { ImmediateResponse: { Body: {} }, Patch: [{ op: 'remove', path: '/Image' }] },
      { pre: ['a'] },
    ],
  ])('V2-5.3: %s is a failure', async (_what, reply, lists) => {
    await using scene = await one(() => reply, lists)
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([502, expect.stringMatching(/^adapter "a" failed: /)])
  })
})

describe('the Uid of a reply', () => {
  test.each<[string, (uid: string) => unknown, number]>([
    ['that of the call', (uid) => uid, 201],
    ['another', () => '01JDA', 502],
    ['none at all, said aloud', () => null, 502],
    ['a number', () => 1, 502],
  ])('V2-5.2: %s', async (_what, uid, status) => {
    await using scene = await one((call) => ({ Uid: uid(call.uid), Patch: [] }))
    expect((await scene.create()).status).toBe(status)
  })
})

describe('bodies', () => {
  test.each<[string, object, string]>([
    ['a string is the text itself', { Body: '{ "Image": "text" }' }, '{ "Image": "text" }'],
    ['an object is JSON', { Body: { Image: 'object' } }, '{"Image":"object"}'],
    ['a string as JSON text', { Body: '{"Image":"utf8"}', BodyEncoding: 'utf8' }, '{"Image":"utf8"}'],
  ])('V2-5.5: %s', async (_what, modified, expected) => {
    await using scene = await one(() => ({ ModifiedClientRequest: modified }))
    await scene.create()
    expect(scene.engine.onlyRequest.body).toBe(expected)
  })

  test('V2-5.6: neither method nor path change, whatever a reply says of them', async () => {
    await using scene = await one(() => ({
      ModifiedClientRequest: { Method: 'DELETE', Request: '/v1.45/containers/other' },
    }))
    expect((await scene.create()).status).toBe(201)
    const { method, target } = scene.engine.onlyRequest
    expect([method, target]).toEqual(['POST', CREATE])
  })

  test('V2-5.6: a query that is not to be written into a request line is a failure', async () => {
    await using scene = await one(() => ({
      ModifiedClientRequest: { Request: `${CREATE} HTTP/1.1\r\nX: y` },
    }))
    expect((await scene.create()).status).toBe(502)
    expect(scene.engine.requests).toEqual([])
  })
})

describe('an answer with no place for a body', () => {
  test.each<[string, object]>([
    ['of a post-hook', { ModifiedServerResponse: { Code: 204 } }],
    ['of a post-hook that gives it one', { ModifiedServerResponse: { Code: 204, Body: 'stray' } }],
    ['of a pre-hook', { ImmediateResponse: { Code: 204, Body: 'stray' } }],
  ])(
    'V2-5.7: 204 %s goes out without it, and the connection serves the next request',
    async (_what, reply) => {
      await using scene = await one(
        () => reply,
        'ImmediateResponse' in reply ? { pre: ['a'] } : { post: ['a'] },
      )
      await using client = await scene.connect()
      for (let n = 0; n < 2; n++) {
        client.write(
          `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
        )
        const head = await client.head()
        expect(head).toMatch(/^HTTP\/1\.1 204 /)
        expect(head).not.toMatch(/content-length: [1-9]|transfer-encoding/i)
      }
      expect(client.unread.toString()).toBe('')
    },
  )

  test.each([199, 600, 200.5, '201', 0])('V2-5.7: the code %p is a failure', async (Code) => {
    await using scene = await one(() => ({ ModifiedServerResponse: { Code } }), { post: ['a'] })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([
      502,
      expect.stringMatching(/200 to 599.*the engine had already answered 201/),
    ])
  })
})

describe('headers', () => {
  const FORBIDDEN = ['Content-Length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'Host', 'Via']

  test.each(FORBIDDEN)('V2-5.8: %s cannot be granted', async (name) => {
    await expect(
      setTwo({
        adapters: { a: { does: allow, headers: { mutate: [name] } } },
        endpoints: { ContainerCreate: { pre: ['a'] } },
      }),
    ).rejects.toThrow('is not for adapters to change')
  })

  test.each<[string, object]>([
    ['framing', { SetHeaders: { 'content-length': '1' } }],
    ['framing, taken away', { RemoveHeaders: ['TRANSFER-ENCODING'] }],
    ['the host', { SetHeaders: { hOsT: 'evil' } }],
    ['the proxy’s own', { SetHeaders: { 'Powerstrip-Dry-Run': 'All' } }],
    ['what was not granted', { SetHeaders: { 'x-other': '1' } }],
    ['a second line', { SetHeaders: { 'x-team': 'a\r\nHost: evil' } }],
    ['a name that ends its line', { SetHeaders: { 'x-team:\r\nHost': 'evil' } }],
  ])('V2-5.8: a mutation of %s is a failure, and the engine is not asked', async (_what, mutation) => {
    await using scene = await setTwo({
      adapters: { a: { does: () => ({ HeaderMutation: mutation }), headers: { mutate: ['x-team'] } } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    expect((await scene.create()).status).toBe(502)
    expect(scene.engine.requests).toEqual([])
  })
})

describe('an immediate response', () => {
  test('V2-5.9: an error skips the engine and post-hooks too, and undoes what was reserved, its own included', async () => {
    await using scene = await setTwo({
      adapters: {
        lease: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
        a: ({ type }) =>
          type === 'pre-hook'
            ? {
                ImmediateResponse: { Code: 409, Body: { message: 'mine' }, SkipPostHooks: true },
                Compensate: true,
              }
            : undefined,
        p: allow,
      },
      endpoints: { ContainerCreate: { pre: ['lease', 'a', 'p'], validate: ['p'], post: ['p'] } },
    })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([409, 'mine'])
    expect(scene.timeline.map(({ adapter, type }) => `${adapter} ${type}`)).toEqual([
      'lease pre-hook',
      'a pre-hook',
      'a unwind-hook',
      'lease unwind-hook',
    ])
    expect(scene.engine.requests).toEqual([])
  })

  test.each([199, 600, '200'])('V2-5.9: with the code %p it is a failure', async (Code) => {
    await using scene = await one(() => ({ ImmediateResponse: { Code } }))
    expect((await scene.create()).status).toBe(502)
  })
})

describe('remarks', () => {
  const metadata = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) })

  test.each([
    [16 * 1024, 201],
    [16 * 1024 + 1, 502],
  ])('V2-5.10: Metadata of %d bytes: %d', async (bytes, status) => {
    await using scene = await one(() => ({ Metadata: metadata(bytes) }), { pre: ['a'], post: ['a'] })
    expect((await scene.create()).status).toBe(status)
    if (status === 201) expect(scene.timeline[1]!.message.Metadata).toEqual(metadata(bytes))
  })

  test('V2-5.11: a warning of any length is one of 256 characters, and stays one line of a head', async () => {
    await using scene = await setTwo({
      adapters: { a: () => ({ Warnings: ['é'.repeat(300), 'two\r\nX-Evil: lines'] }) },
      endpoints: { '*': { pre: ['a'] } },
    })
    expect(jsonOf(await scene.create())).toMatchObject({
      Warnings: [`adapter "a": ${'é'.repeat(256)}`, expect.stringMatching(/^adapter "a": two/)],
    })
    const { head } = await scene.ask('POST', '/containers/web/start')
    expect(head).not.toMatch(/^X-Evil/m)
    expect(head.match(/^Warning: 299 /gm)).toHaveLength(2)
  })

  test.each([400, 403, 599])('V2-5.14: Allowed false with the code %d', async (Code) => {
    await using scene = await one(() => ({ Allowed: false, Status: { Code, Message: 'no' } }))
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([Code, 'denied by adapter "a": no'])
  })

  test.each([399, 600, 200, -1, '404', null])(
    'V2-5.14: Allowed false with the code %p is 403',
    async (Code) => {
      await using scene = await one(() => ({ Allowed: false, Status: { Code } }))
      expect((await scene.create()).status).toBe(403)
    },
  )

  test('V2-5.12: annotations are recorded with the hook that gave them', async () => {
    await using scene = await one(() => ({ AuditAnnotations: { signature: 'missing' } }))
    await scene.create()
    expect((await scene.ended()).chain?.hooks).toMatchObject([
      { adapter: 'a', annotations: { signature: 'missing' } },
    ])
  })
})

describe('fields that a hook of this type may not use', () => {
  const FIELDS: [string, string, object][] = [
    ['pre', 'ModifiedServerResponse', { Code: 200 }],
    ['validate', 'Patch', []],
    ['validate', 'ModifiedClientRequest', {}],
    ['validate', 'HeaderMutation', {}],
    ['validate', 'ImmediateResponse', {}],
    ['validate', 'Compensate', true as unknown as object],
    ['post', 'ModifiedClientRequest', {}],
    ['post', 'ImmediateResponse', {}],
    ['post', 'Compensate', true as unknown as object],
  ]
  test.each(FIELDS)('V2-5.13: a %s-hook with %s has failed', async (phase, name, value) => {
    await using scene = await one(() => ({ [name]: value }), { [phase]: ['a'] })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([
      502,
      expect.stringContaining(`its reply has ${name}, which no ${phase}-hook may use`),
    ])
  })
})

describe('failures', () => {
  test.each<[string, Lists]>([
    ['pre', { pre: ['first', 'slow', 'last'] }],
    ['validate', { pre: ['first'], validate: ['slow'] }],
    ['post', { pre: ['first'], post: ['slow'] }],
  ])('V2-5.16, V2-1.2: no answer of a %s-hook in time is 504', async (_phase, lists) => {
    await using scene = await setTwo({
      adapters: { first: allow, slow: { does: () => 'silence', timeout: '100ms' }, last: allow },
      endpoints: { ContainerCreate: lists },
    })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([
      504,
      expect.stringContaining('adapter "slow" failed: no answer within 0.1 s'),
    ])
    expect(scene.timeline.map(({ adapter }) => adapter)).not.toContain('last')
  })

  test('V2-5.17: onError ignore on a hook that is too slow: the next sees what that one was shown', async () => {
    using limits = holdLimits()
    await using scene = await setTwo({
      adapters: {
        first: () => ({ Patch: [{ op: 'add', path: '/Labels', value: { first: '1' } }] }),
        slow: { does: () => 'silence', timeout: '1h', onError: 'ignore' },
        last: allow,
      },
      endpoints: { ContainerCreate: { pre: ['first', 'slow', 'last'] } },
      more: { chain: { deadline: '2h' } },
    })
    const asked = scene.create({ Image: 'x' })
    await scene.adapter('slow').called()
    limits.end()
    const answer = await asked
    const shown = scene.timeline.slice(1).map(({ message }) => message.ClientRequest)
    expect(shown[0].Body).toEqual({ Image: 'x', Labels: { first: '1' } })
    expect(shown[1]).toEqual(shown[0])
    expect(JSON.parse(scene.engine.onlyRequest.body)).toEqual(shown[0].Body)
    expect(jsonOf(answer)).toMatchObject({ Warnings: [expect.stringContaining('adapter "slow": it failed')] })
    expect(scene.notes('failure-ignored')).toHaveLength(1)
  })

  test('V2-5.17: a refusal of a validator counts, whatever failures beside it are passed over', async () => {
    await using scene = await setTwo({
      adapters: {
        broken: { does: () => ({ status: 500 }), onError: 'ignore' },
        strict: () => ({ Allowed: false, Status: { Message: 'no' } }),
      },
      endpoints: { ContainerCreate: { validate: ['broken', 'strict'] } },
    })
    expect(messageOf(await scene.create())).toBe('denied by adapter "strict": no')
  })

  test.each<[string, string, number]>([
    ['204 with a body behind it', 'HTTP/1.1 204 No Content\r\n\r\n{"Allowed":false}', 201],
    ['204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 17\r\n\r\n{"Allowed":false}', 502],
    ['200 and nothing', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 502],
    ['200 and blanks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n  ', 502],
    ['half of a 200', 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"Allowed"', 502],
    ['no HTTP', 'no\r\n\r\n', 502],
    ['a 204 of HTTP/1.0', 'HTTP/1.0 204 No Content\r\n\r\n', 201],
    [
      'a switch of protocols',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
      502,
    ],
  ])('V2-5.15, V2-5.1: to the byte, %s', async (_what, bytes, status) => {
    await using raw = await startRaw(bytes)
    await using scene = await setTwo({
      adapters: { a: { unix: raw.socket, protocol: 2 } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    // Twice: nothing of the first reply is left for the second.
    for (let n = 0; n < 2; n++) expect((await scene.create()).status).toBe(status)
  })
})

/** An adapter whose answer to calls is the same bytes each time; the connection ends behind them. */
async function startRaw(bytes: string): Promise<AsyncDisposable & { readonly socket: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'raw-'))
  const socket = join(folder, 'a.sock')
  const abilities = JSON.stringify({ PowerstripProtocolVersion: 2, Name: 'raw', Implements: ['pre-hook'] })
  const sockets = new Set<Socket>()
  const server = createServer((peer) => {
    sockets.add(peer)
    peer.on('error', () => {})
    peer.on('data', (data) => {
      if (data.toString().startsWith('OPTIONS'))
        peer.write(
          `HTTP/1.1 200 OK\r\nContent-Type: ${V2}\r\nContent-Length: ${abilities.length}\r\n\r\n${abilities}`,
        )
      else peer.end(bytes)
    })
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const peer of sockets) peer.destroy()
      await closed
      await rm(folder, { recursive: true, force: true })
    },
  }
}

test('V2-1.5: what the engine gets is framed by powerstrip alone, however long the last hook made it', async () => {
  await using scene = await one(({ message }) => ({
    ModifiedClientRequest: { Body: { ...message.ClientRequest.Body, Labels: { long: 'é'.repeat(10_000) } } },
  }))
  await using client = await scene.connect()
  client.write(
    `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  )
  expect((await client.answer('POST')).status).toBe(201)
  const { body, field } = scene.engine.onlyRequest
  expect(field('content-length')).toBe(String(Buffer.byteLength(body)))
  expect(field('transfer-encoding')).toBeUndefined()
})

test('V2-1.1: an answer of the engine that no hook judges is what it is', async () => {
  await using scene = await one(allow, { pre: ['a'] }, (_request, response) =>
    sendJson(response, 418, { message: 'teapot' }),
  )
  const answer = await scene.create()
  expect([answer.status, messageOf(answer)]).toEqual([418, 'teapot'])
})

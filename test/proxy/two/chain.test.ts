/** Protocol 2, sections 3, 5 and 7, over real sockets: who is called when, what may be changed, what the client gets. */
import { gzipSync } from 'node:zlib'
import { answering, sendJson } from '../../support/cases/engine.ts'
import type { Behaviour, SeenCall } from '../../support/two/adapter.ts'
import { CREATE, jsonOf, messageOf, setTwo } from '../../support/two/stage.ts'

const BODY = { Image: 'busybox', Env: ['A=1'] }
const allow: Behaviour = () => undefined
const deny =
  (Message: string, Code?: number): Behaviour =>
  () => ({ Allowed: false, Status: { Code, Message } })
const order = (calls: readonly SeenCall[]) => calls.map(({ adapter, type }) => `${adapter} ${type}`)

/** An adapter that waits until so many calls are waiting. */
function meeting(expected: number, then: Behaviour = allow): Behaviour {
  let open = () => {}
  const all = new Promise<void>((resolve) => {
    open = resolve
  })
  let waiting = 0
  return async (call) => {
    if (++waiting === expected) open()
    await all
    return then(call)
  }
}

describe('3: hook types', () => {
  test('V2-3.1: pre in order, validate on the final request, post in order, observe on the final pair', async () => {
    const label =
      (name: string): Behaviour =>
      ({ type }) =>
        type === 'pre-hook'
          ? { PatchType: 'JSONMergePatch', Patch: { Labels: { [name]: '1' } } }
          : { Patch: [{ op: 'add', path: `/${name}`, value: 1 }] }
    await using scene = await setTwo({
      adapters: { a: label('a'), b: label('b'), v: allow, o: allow },
      endpoints: {
        ContainerCreate: { pre: ['a', 'b'], validate: ['v'], post: ['a', 'b'], observe: ['o'] },
      },
    })
    const answer = await scene.create(BODY)
    expect(jsonOf(answer)).toEqual({ Id: 'abc', Warnings: [], a: 1, b: 1 })
    const { message } = await scene.adapter('o').called()
    expect(order(scene.timeline)).toEqual([
      'a pre-hook',
      'b pre-hook',
      'v validate-hook',
      'a post-hook',
      'b post-hook',
      'o observe-hook',
    ])
    const sent = { ...BODY, Labels: { a: '1', b: '1' } }
    expect(scene.timeline.map((call) => call.message.ClientRequest.Body)).toEqual([
      BODY,
      { ...BODY, Labels: { a: '1' } },
      sent,
      sent,
      sent,
      sent,
    ])
    expect(JSON.parse(scene.engine.onlyRequest.body)).toEqual(sent)
    expect(message.ServerResponse).toMatchObject({ Code: 201, Body: { Id: 'abc', a: 1, b: 1 } })
    expect(message.Fate).toBe('changed')
    expect((await scene.ended()).fate).toBe('changed')
  })

  test('V2-3.2: validate-hooks run in parallel and are all awaited', async () => {
    const together = meeting(3)
    await using scene = await setTwo({
      adapters: { a: together, b: together, c: together },
      endpoints: { ContainerCreate: { validate: ['a', 'b', 'c'] } },
    })
    expect((await scene.create()).status).toBe(201)
  })

  test('V2-3.3: a denial beats a failure, the earliest listed denial reaches the client, all are told', async () => {
    const after =
      (ms: number, then: Behaviour): Behaviour =>
      async (call) => {
        await new Promise((resolve) => setTimeout(resolve, ms))
        return then(call)
      }
    await using scene = await setTwo({
      adapters: {
        broken: () => ({ status: 500 }),
        slow: after(50, deny('slow')),
        quick: deny('quick'),
      },
      endpoints: { ContainerCreate: { validate: ['broken', 'slow', 'quick'] } },
    })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "slow": slow'])
    const { fate, chain } = await scene.ended()
    expect(fate).toBe('denied')
    expect(chain?.hooks.map(({ adapter, outcome }) => [adapter, outcome]).sort()).toEqual([
      ['broken', 'failed'],
      ['quick', 'deny'],
      ['slow', 'deny'],
    ])
    expect(scene.engine.requests).toEqual([])
  })

  test('V2-3.4: post-hooks run on errors of the engine, and may refuse', async () => {
    await using scene = await setTwo({
      adapters: { a: deny('seen') },
      endpoints: { ContainerCreate: { post: ['a'] } },
      engine: answering(409, 'application/json', '{"message":"in use"}'),
    })
    const answer = await scene.create()
    expect(messageOf(answer)).toBe('denied by adapter "a": seen; the engine had already answered 409')
    expect(scene.timeline[0]!.message.ServerResponse).toMatchObject({
      Code: 409,
      Body: { message: 'in use' },
      BodyEncoding: 'json',
    })
  })

  test('V2-3.5: observe-hooks are never waited for, and nothing that becomes of them is the client’s', async () => {
    await using scene = await setTwo({
      adapters: { silent: { does: () => 'silence', timeout: '200ms' }, crashing: () => 'crash' },
      endpoints: { ContainerCreate: { observe: ['silent', 'crashing'] } },
    })
    const answer = await scene.create()
    expect(answer.status).toBe(201)
    await scene.note('observer-failed', 2)
    expect(scene.notes('observer-failed').map((note) => 'adapter' in note && note.adapter)).toEqual(
      expect.arrayContaining(['silent', 'crashing']),
    )
  })

  test('an observer is shown what was relayed, and how much', async () => {
    await using scene = await setTwo({
      adapters: { o: allow },
      endpoints: { ContainerList: { observe: ['o'] } },
      engine: answering(200, 'application/json', '[{"Id":"1"}]'),
    })
    expect((await scene.ask('GET', '/containers/json')).body.toString()).toBe('[{"Id":"1"}]')
    const { message } = await scene.adapter('o').called()
    expect(message).toMatchObject({
      Fate: 'unchanged',
      ServerResponse: { Code: 200, Body: [{ Id: '1' }], BodyEncoding: 'json' },
    })
    expect(message.ResponseBytes).toBeGreaterThan(12)
  })
})

describe('1: principles', () => {
  test('V2-1.4, V2-4.3, V2-12.3: an adapter that is listed twice is called twice, each time with an id of its own', async () => {
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ContainerCreate: { pre: ['a', 'a'] }, '*': { pre: ['a'] } },
    })
    await scene.create()
    expect(new Set(scene.timeline.map(({ uid }) => uid)).size).toBe(3)
    expect(scene.timeline.map(({ message }) => message.Chain)).toEqual([
      { Endpoint: 'ContainerCreate', Index: 0, Length: 2 },
      { Endpoint: 'ContainerCreate', Index: 1, Length: 2 },
      { Endpoint: '*', Index: 0, Length: 1 },
    ])
    expect(new Set(scene.timeline.map(({ message }) => message.RequestId)).size).toBe(1)
  })

  test('V2-1.5, V2-7.10: what no hook changed goes on byte for byte', async () => {
    const text = '{ "Image" : "busybox",\n "HostConfig":{"Memory": 9007199254740993} }'
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ContainerCreate: { pre: ['a'], validate: ['a'], post: ['a'] } },
    })
    await using client = await scene.connect()
    client.write(
      `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    )
    expect((await client.answer('POST')).status).toBe(201)
    expect(scene.engine.onlyRequest.body).toBe(text)
    expect(scene.timeline[0]!.text).toContain(`"Body":${text},`)
  })
})

describe('5: what a hook may change', () => {
  test('the query; numbers of a patched body keep their digits', async () => {
    await using scene = await setTwo({
      adapters: {
        a: () =>
          `{"Patch":[{"op":"add","path":"/Labels","value":{}}],"ModifiedClientRequest":{"Request":"${CREATE}2"}}`,
      },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    await using client = await scene.connect()
    const text = '{"HostConfig":{"Memory":9007199254740993}}'
    client.write(
      `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    )
    await client.answer('POST')
    const { target, body } = scene.engine.onlyRequest
    expect([target, body]).toEqual([`${CREATE}2`, '{"HostConfig":{"Memory":9007199254740993},"Labels":{}}'])
  })

  test('V2-5.8: headers within headers.mutate, of the request and of the answer', async () => {
    const does: Behaviour = ({ type }) => ({
      HeaderMutation:
        type === 'pre-hook'
          ? { SetHeaders: { 'X-Team': 'infra' }, RemoveHeaders: ['X-Debug'] }
          : { SetHeaders: { 'X-Seen': 'yes' }, RemoveHeaders: ['Api-Version'] },
    })
    await using scene = await setTwo({
      adapters: { a: { does, headers: { mutate: ['x-team', 'x-debug', 'x-seen', 'api-version'] } } },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['a'] } },
      engine: (_request, response) => {
        response.setHeader('Api-Version', '1.45')
        sendJson(response, 201, { Id: 'abc' })
      },
    })
    const answer = await scene.create(BODY, ['X-Debug: 1', 'X-Team: mine'])
    expect(scene.engine.onlyRequest.field('x-team')).toBe('infra')
    expect(scene.engine.onlyRequest.field('x-debug')).toBeUndefined()
    expect(answer.head).toMatch(/\r\nx-seen: yes\r\n/)
    expect(answer.head).not.toMatch(/api-version/i)
  })

  test('V2-5.7: the answer: code, type and body', async () => {
    await using scene = await setTwo({
      adapters: {
        a: () => ({ ModifiedServerResponse: { Code: 299, ContentType: 'text/plain', Body: 'odd' } }),
      },
      endpoints: { ContainerList: { post: ['a'] } },
      engine: answering(200, 'application/json', '[]'),
    })
    const answer = await scene.ask('GET', '/containers/json')
    expect([answer.status, answer.body.toString()]).toEqual([299, 'odd'])
    expect(answer.head).toMatch(/content-type: text\/plain/i)
  })

  test.each<[string, object, string]>([
    ['a patch that does not fit', { Patch: [{ op: 'remove', path: '/Nope' }] }, 'cannot be applied'],
    ['a test that does not hold', { Patch: [{ op: 'test', path: '/Image', value: 'x' }] }, 'does not hold'],
    [
      'a body that the gate refuses',
      { ModifiedClientRequest: { Body: '{"Image":"a","image":"b"}' } },
      'PS-JSON-002',
    ],
    ['a field that it may not use', { ModifiedServerResponse: {} }, 'which no pre-hook may use'],
  ])('%s is a failure: 502, and the engine is not asked', async (_what, reply, says) => {
    await using scene = await setTwo({
      adapters: { a: () => reply },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    const answer = await scene.create()
    expect(answer.status).toBe(502)
    expect(messageOf(answer)).toMatch(/^adapter "a" failed: /)
    expect(messageOf(answer)).toContain(says)
    expect((await scene.ended()).fate).toBe('hook-failed')
    expect(scene.engine.requests).toEqual([])
  })

  test('V2-4.6: metadata come back in this adapter’s later hooks of the request, and in no other’s', async () => {
    await using scene = await setTwo({
      adapters: {
        a: ({ type }) => (type === 'pre-hook' ? '{"Metadata":{"n": 9007199254740993}}' : undefined),
        b: allow,
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b'], validate: ['a'], post: ['a', 'b'] } },
    })
    await scene.create()
    const shown = scene.timeline.map(({ adapter, type, text }) => [
      `${adapter} ${type}`,
      /"Metadata":\{"n": 9007199254740993\}/.test(text),
    ])
    expect(shown).toEqual([
      ['a pre-hook', false],
      ['b pre-hook', false],
      ['a validate-hook', true],
      ['a post-hook', true],
      ['b post-hook', false],
    ])
  })
})

describe('5: an immediate response', () => {
  const answering =
    (more: object = {}): Behaviour =>
    ({ type }) =>
      type === 'pre-hook' ? { ImmediateResponse: { Code: 200, Body: { Id: 'mine' }, ...more } } : undefined

  test('V2-5.9: ends the pre phase; neither later hooks nor the engine are called, post-hooks are', async () => {
    await using scene = await setTwo({
      adapters: { a: answering(), b: allow, p: () => ({ Patch: [{ op: 'add', path: '/Post', value: 1 }] }) },
      endpoints: { ContainerCreate: { pre: ['a', 'b'], validate: ['b'], post: ['p'] } },
    })
    const answer = await scene.create()
    expect([answer.status, jsonOf(answer)]).toEqual([200, { Id: 'mine', Post: 1 }])
    expect(order(scene.timeline)).toEqual(['a pre-hook', 'p post-hook'])
    expect(scene.engine.requests).toEqual([])
    expect((await scene.ended()).fate).toBe('answered')
  })

  test('V2-5.9: skips post-hooks where it says so', async () => {
    await using scene = await setTwo({
      adapters: { a: answering({ SkipPostHooks: true }), p: allow },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['p'] } },
    })
    expect((await scene.create()).status).toBe(200)
    expect(order(scene.timeline)).toEqual(['a pre-hook'])
  })

  test('the connection serves the next request', async () => {
    await using scene = await setTwo({
      adapters: { a: answering() },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    await using client = await scene.connect()
    const message = `POST ${CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`
    client.write(message)
    expect((await client.answer('POST')).status).toBe(200)
    client.write(message)
    expect((await client.answer('POST')).status).toBe(200)
  })
})

describe('5: warnings', () => {
  const warn: Behaviour = () => ({ Warnings: ['image tag is mutable', 'naïve "one"'] })

  test.each([
    ['[]', ['adapter "a": image tag is mutable', 'adapter "a": naïve "one"']],
    ['["own"]', ['own', 'adapter "a": image tag is mutable', 'adapter "a": naïve "one"']],
    ['null', ['adapter "a": image tag is mutable', 'adapter "a": naïve "one"']],
    [undefined, ['adapter "a": image tag is mutable', 'adapter "a": naïve "one"']],
  ])('V2-5.11: join the Warnings array of the answer: %s', async (own, expected) => {
    const body = own === undefined ? '{"Id":"abc"}' : `{"Id":"abc","Warnings":${own}}`
    await using scene = await setTwo({
      adapters: { a: warn },
      endpoints: { ContainerCreate: { pre: ['a'] } },
      engine: answering2(201, body),
    })
    expect(jsonOf(await scene.create())).toEqual({ Id: 'abc', Warnings: expected })
  })

  test('V2-5.11: stand in the head where the operation has no such array', async () => {
    await using scene = await setTwo({
      adapters: { a: warn },
      endpoints: { ContainerStart: { validate: ['a'] } },
      engine: (_request, response) => response.writeHead(204).end(),
    })
    const answer = await scene.ask('POST', '/containers/web/start')
    expect(answer.status).toBe(204)
    expect(answer.head).toContain('\r\nWarning: 299 powerstrip "adapter \\"a\\": image tag is mutable"\r\n')
    expect(answer.head).toContain('\r\nWarning: 299 powerstrip "adapter \\"a\\": na%C3%AFve \\"one\\""\r\n')
  })
})

function answering2(status: number, body: string) {
  return answering(status, 'application/json', body)
}

describe('5: failures and decisions', () => {
  test.each<[string, Behaviour, number, string]>([
    ['Allowed false', deny('no'), 403, 'denied by adapter "a": no'],
    ['Allowed false with a code', deny('later', 503), 503, 'denied by adapter "a": later'],
    ['503', () => ({ status: 503 }), 502, 'adapter "a" failed: it answered 503'],
    ['403', () => ({ status: 403, text: 'no' }), 502, 'adapter "a" failed: it answered 403: no'],
    [
      '200 empty',
      () => '',
      502,
      'adapter "a" failed: it answered 200 without a body; to change nothing, answer 204',
    ],
    ['bad JSON', () => '{', 502, 'adapter "a" failed: its reply is not JSON'],
    [
      'wrong Uid',
      () => ({ Uid: 'x' }),
      502,
      'adapter "a" failed: the Uid of its reply is that of another call',
    ],
    [
      'reset',
      () => 'crash',
      502,
      'adapter "a" failed: it could not be reached (connection closed without a reply)',
    ],
    ['time limit', () => 'silence', 504, 'adapter "a" failed: no answer within 0.3 s'],
  ])('%s', async (what, does, status, message) => {
    await using scene = await setTwo({
      // The others have to answer in time, however much else there is to do.
      adapters: { a: { does, timeout: what === 'time limit' ? '300ms' : '30s' } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([status, message])
    expect(scene.engine.requests).toEqual([])
  })

  test('V2-5.15: a reply that is too large', async () => {
    await using scene = await setTwo({
      adapters: { a: () => ({ AuditAnnotations: { a: 'x'.repeat(2048) } }) },
      endpoints: { ContainerCreate: { pre: ['a'] } },
      more: { limits: { adapterReply: '1KiB' } },
    })
    expect(messageOf(await scene.create())).toContain('its reply is larger than 1024 bytes')
  })

  test('V2-5.15: an adapter that nobody runs', async () => {
    await using scene = await setTwo({
      adapters: { a: { unix: '/nowhere/a.sock', protocol: 2 } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([
      502,
      'adapter "a" failed: it could not be reached (adapter not ready: no such socket)',
    ])
  })

  test('V2-5.17, V2-1.2: onError ignore goes on with that hook’s unmodified input, warns, and says so', async () => {
    const bad: Behaviour = () => ({
      Patch: [
        { op: 'add', path: '/A', value: 1 },
        { op: 'test', path: '/A', value: 2 },
      ],
    })
    await using scene = await setTwo({
      adapters: { a: { does: bad, onError: 'ignore' } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    const answer = await scene.create(BODY)
    expect(answer.status).toBe(201)
    expect(JSON.parse(scene.engine.onlyRequest.body)).toEqual(BODY)
    expect(jsonOf(answer)).toMatchObject({
      Warnings: [expect.stringMatching(/^adapter "a": it failed and was passed over: its patch/)],
    })
    const { chain } = await scene.ended()
    expect(chain?.hooks).toMatchObject([{ outcome: 'failed', failOpen: true }])
  })

  test('V2-5.18: onError ignore never turns a denial, an oversize body or a refusal of the gate into a pass', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: () => ({ Allowed: false, Patch: 7 }), onError: 'ignore', maxBodyBytes: 100 } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    expect((await scene.create()).status).toBe(403)
    expect((await scene.create({ Image: 'x'.repeat(100) })).status).toBe(413)
    expect((await scene.create('{"Image":"a","image":"b"}')).status).toBe(400)
    expect(scene.engine.requests).toEqual([])
  })
})

describe('7: bodies', () => {
  const archive = gzipSync('tar')
  const build = async (scene: Awaited<ReturnType<typeof setTwo>>, bytes = archive) => {
    await using client = await scene.connect()
    client.write(
      Buffer.concat([
        Buffer.from(
          `POST /build?t=x HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: ${bytes.length}\r\n\r\n`,
        ),
        bytes,
      ]),
    )
    return (await client.answer('POST')).status
  }

  test('V2-7.1, V2-7.4: archives are omitted and streamed through; body: buffered shows them as base64', async () => {
    await using scene = await setTwo({
      adapters: { a: allow },
      endpoints: { ImageBuild: { pre: ['a', { use: 'a', body: 'buffered' }] } },
      engine: (_request, response) => sendJson(response, 200, {}),
    })
    expect(await build(scene)).toBe(200)
    const [shut, open] = scene.timeline.map(({ message }) => message.ClientRequest)
    expect(shut).toMatchObject({ Body: null, BodyEncoding: 'omitted' })
    expect(open).toMatchObject({
      Body: archive.toString('base64'),
      BodyEncoding: 'base64',
      BodyLength: archive.length,
    })
  })

  test('a hook that changes a body it is not shown fails', async () => {
    await using scene = await setTwo({
      adapters: { a: () => ({ ModifiedClientRequest: { Body: 'x' } }) },
      endpoints: { ImageBuild: { pre: ['a'] } },
    })
    expect(await build(scene)).toBe(502)
  })

  test('V2-7.1: body: none shows no JSON either', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, body: 'none' } },
      endpoints: { ContainerCreate: { pre: ['a'] } },
    })
    expect((await scene.create()).status).toBe(201)
    expect(scene.timeline[0]!.message.ClientRequest).toMatchObject({ Body: null, BodyEncoding: 'omitted' })
  })

  test('V2-7.3, V2-1.3: onOversize: reject is 413; skip lets a large one past the hook, and says so', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: deny('small'), maxBodyBytes: 50 } },
      endpoints: {
        ContainerCreate: { pre: ['a'] },
        ContainerUpdate: { pre: [{ use: 'a', onOversize: 'skip' }] },
      },
    })
    const large = { Image: 'x'.repeat(50) }
    expect((await scene.create(large)).status).toBe(413)
    const update = (body: unknown) => scene.ask('POST', '/containers/web/update', body)
    expect((await update({ Memory: 1 })).status).toBe(403)
    expect((await update({ Memory: 1, X: 'x'.repeat(50) })).status).toBe(201)
    expect(await scene.note('oversize-skipped')).toMatchObject({ adapter: 'a', phase: 'pre' })
  })

  test('V2-4.8: the body of SystemAuth is shown to nobody, credentials in headers neither', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, headers: { forward: ['x-mine'] } } },
      endpoints: { '*': { pre: ['a'], post: ['a'] } },
    })
    await scene.ask('POST', '/auth', { username: 'u', password: 'secret' }, ['X-Mine: 1', 'X-Other: 2'])
    await scene.ask('POST', '/images/create?fromImage=x', undefined, ['X-Registry-Auth: c2VjcmV0'])
    for (const { text } of scene.timeline) expect(text).not.toMatch(/secret|c2VjcmV0/)
    const { ClientRequest } = scene.timeline[0]!.message
    expect(ClientRequest).toMatchObject({ BodyEncoding: 'omitted', Headers: { 'x-mine': ['1'] } })
    expect(ClientRequest.Headers).not.toHaveProperty('x-other')
  })
})

describe('12: when', () => {
  test('V2-12.11: a hook whose condition does not hold is not called; one that cannot be decided fails', async () => {
    await using scene = await setTwo({
      adapters: { a: deny('a'), b: deny('b') },
      endpoints: {
        ContainerCreate: {
          pre: [{ use: 'a', when: 'has(body.HostConfig) && body.HostConfig.Privileged' }],
          validate: [{ use: 'b', when: 'body.Labels.team == "red"' }],
        },
      },
    })
    expect((await scene.create({ Labels: { team: 'blue' } })).status).toBe(201)
    expect(scene.timeline).toEqual([])
    const privileged = { Labels: { team: 'red' }, HostConfig: { Privileged: true } }
    expect(messageOf(await scene.create(privileged))).toBe('denied by adapter "a": a')
    const undecided = await scene.create({ HostConfig: { Privileged: true } })
    expect([undecided.status, messageOf(undecided)]).toEqual([
      500,
      expect.stringContaining('adapter "b" failed: whether it is to be called could not be decided'),
    ])
    // All conditions are decided before any call.
    expect(order(scene.timeline)).toEqual(['a pre-hook'])
  })
})

describe('10: dry run', () => {
  const dry = ['Powerstrip-Dry-Run: All']

  test('V2-10.1: hooks judge, the engine is not asked, and the answer says what it would have been', async () => {
    await using scene = await setTwo({
      adapters: {
        a: ({ message }) => ({
          Patch: [{ op: 'add', path: '/Labels', value: { dry: String(message.DryRun) } }],
          Compensate: true,
        }),
        v: () => ({ Warnings: ['careful'] }),
      },
      endpoints: { ContainerCreate: { pre: ['a'], validate: ['v'] } },
    })
    const answer = await scene.create({ Image: 'x' }, dry)
    expect([answer.status, jsonOf(answer)]).toEqual([
      200,
      expect.objectContaining({
        DryRun: true,
        Operation: 'ContainerCreate',
        Changed: true,
        Request: expect.objectContaining({ Body: { Image: 'x', Labels: { dry: 'true' } } }),
        OriginalRequest: expect.objectContaining({ Body: { Image: 'x' } }),
        Decisions: [
          expect.objectContaining({ Adapter: 'a', Outcome: 'replace' }),
          expect.objectContaining({ Adapter: 'v', Outcome: 'pass', Warnings: ['careful'] }),
        ],
      }),
    ])
    expect(order(scene.timeline)).toEqual(['a pre-hook', 'v validate-hook', 'a unwind-hook'])
    expect(scene.engine.requests).toEqual([])
  })

  test('a request that no hook asked for is not carried out either', async () => {
    await using scene = await setTwo({})
    expect(jsonOf(await scene.create({}, dry))).toMatchObject({ DryRun: true, Changed: false })
    expect(scene.engine.requests).toEqual([])
  })

  test('V2-10.2: an adapter with side effects is not called: refused, unless told to leave it out', async () => {
    await using scene = await setTwo({
      adapters: { a: { does: allow, abilities: { SideEffects: 'Some' } } },
      endpoints: {
        ContainerCreate: { pre: ['a'] },
        ContainerUpdate: { pre: [{ use: 'a', dryRun: 'skip' }] },
      },
    })
    const refused = await scene.create({}, dry)
    expect([refused.status, messageOf(refused)]).toEqual([409, expect.stringContaining('side effects')])
    expect((await scene.ask('POST', '/containers/web/update', {}, dry)).status).toBe(200)
    expect(scene.timeline).toEqual([])
  })

  test('PS-HEADER-003: any other value is refused', async () => {
    await using scene = await setTwo({})
    expect((await scene.create({}, ['Powerstrip-Dry-Run: yes'])).status).toBe(400)
    expect(scene.engine.requests).toEqual([])
  })
})

describe('PS-SECRET-001: secrets that are not granted', () => {
  const LABEL = { Patch: [{ op: 'add', path: '/Labels', value: { seen: 'yes' } }] }

  test('are shown to no type of hook, and are in their places again after a patch', async () => {
    await using scene = await setTwo({
      adapters: {
        a: {
          does: ({ type }) => (type === 'pre-hook' ? { ...LABEL, Compensate: true } : undefined),
          originalRequest: true,
        },
      },
      endpoints: { SecretCreate: { pre: ['a'], validate: ['a'], post: ['a'], observe: ['a'] } },
      engine: (_request, response) => sendJson(response, 409, { message: 'taken' }),
    })
    await scene.ask('POST', '/secrets/create', { Name: 'key', Data: 'c2VjcmV0' })
    await scene.adapter('a').called(1, 'observe-hook')
    expect(scene.timeline.map(({ type }) => type).sort()).toEqual([
      'observe-hook',
      'post-hook',
      'pre-hook',
      'unwind-hook',
      'validate-hook',
    ])
    for (const { text } of scene.timeline) expect(text).not.toContain('c2VjcmV0')
    expect(JSON.parse(scene.engine.onlyRequest.body)).toEqual({
      Name: 'key',
      Data: 'c2VjcmV0',
      Labels: { seen: 'yes' },
    })
  })

  test('cannot be set by a patch either', async () => {
    await using scene = await setTwo({
      adapters: { a: () => ({ Patch: [{ op: 'add', path: '/Data', value: 'bWluZQ==' }] }) },
      endpoints: { SecretCreate: { pre: ['a'] } },
    })
    expect((await scene.ask('POST', '/secrets/create', { Name: 'key', Data: 'c2VjcmV0' })).status).toBe(502)
    expect(scene.engine.requests).toEqual([])
  })
})

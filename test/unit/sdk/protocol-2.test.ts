/** Protocol 2, section 13: what handlers are given, and what becomes of what they do. */
import {
  type AdapterSpec,
  type CallParts,
  defineAdapter,
  type HookReply,
  type HookType,
  type JsonObject,
  makeCall,
  parseJson,
} from 'powerstrip/sdk'
import type { StreamCall } from '../../../src/model/call.ts'

const never = new AbortController().signal
const silent = { info() {}, warn() {}, error() {} }

type Spec = Omit<AdapterSpec<unknown>, 'name'>

/** The answer to one call, as a value: no sockets. */
async function ask(
  type: Exclude<HookType, 'stream-hook'>,
  spec: Spec,
  parts: CallParts = {},
  signal = never,
): Promise<HookReply> {
  const adapter = defineAdapter({ name: 'test', ...spec }).create({}, { log: silent })
  return adapter.answer(makeCall(type, { operation: 'ContainerCreate', ...parts }), signal)
}

/** The patch of a reply, read. */
function patchIn({ outcome }: HookReply): unknown {
  return 'patch' in outcome && outcome.patch !== undefined ? parseJson(outcome.patch.text) : undefined
}

const PASS = { outcome: { kind: 'pass' } }

describe('a pre-handler', () => {
  test('that changes nothing says nothing, which is a 204', async () => {
    const looks = {
      pre: {
        ContainerCreate: ({ body, query }: { body: object; query: { size: number } }) =>
          void [body, query.size],
      },
    }
    expect(await ask('pre-hook', {}, { body: { Image: 'x' } })).toEqual(PASS)
    expect(await ask('pre-hook', looks, { body: { Image: 'x' }, query: { name: 'web' } })).toEqual(PASS)
  })

  test('that changes the body in place sends a JSON Patch of what is different', async () => {
    const reply = await ask(
      'pre-hook',
      {
        pre: {
          ContainerCreate({ body }) {
            body.HostConfig?.Binds?.push('/srv:/data')
            body.Labels = { ...body.Labels, team: 'infra' }
            delete body.Hostname
          },
        },
      },
      { body: { Image: 'x', Hostname: 'h', HostConfig: { Binds: ['/a:/a'], Memory: 2n ** 60n } } },
    )
    expect(patchIn(reply)).toEqual([
      { op: 'remove', path: '/Hostname' },
      { op: 'add', path: '/HostConfig/Binds/1', value: '/srv:/data' },
      { op: 'add', path: '/Labels', value: { team: 'infra' } },
    ])
    expect(reply.remarks).toBeUndefined()
  })

  test('sees integers beyond 2^53 as bigint, and they go back with every digit', async () => {
    const seen: unknown[] = []
    const reply = await ask(
      'pre-hook',
      {
        pre: {
          ContainerCreate({ body }) {
            const host = body.HostConfig!
            seen.push(host.Memory, host.CpuShares)
            host.MemorySwap = BigInt(host.Memory!) * 2n
          },
        },
      },
      { body: parseJson('{"HostConfig":{"Memory":9007199254740993,"CpuShares":512}}') },
    )
    expect(seen).toEqual([9007199254740993n, 512])
    expect(reply).toEqual({
      outcome: {
        kind: 'replace',
        patch: {
          type: 'JSONPatch',
          text: '[{"op":"add","path":"/HostConfig/MemorySwap","value":18014398509481986}]',
        },
      },
    })
  })

  test('may give a new body where there was none, or where it did not look', async () => {
    const set = {
      pre: {
        ContainerCreate: (ctx: { body: unknown }) => {
          ctx.body = { Image: 'y' }
        },
      },
    }
    const whole = { outcome: { kind: 'replace', body: '{"Image":"y"}', form: 'json' } }
    expect(await ask('pre-hook', set)).toEqual(whole)
    expect(await ask('pre-hook', set, { body: { Image: 'x' } })).toEqual(whole)
  })

  test('changes the query by its draft', async () => {
    const reply = await ask(
      'pre-hook',
      { pre: { ContainerCreate: ({ query }) => query.set('name', 'web2') } },
      { query: { name: 'web', platform: 'linux' } },
    )
    expect(reply.outcome).toEqual({ kind: 'replace', target: '/containers/create?name=web2&platform=linux' })
  })

  test.each<[string, Spec['pre'], unknown]>([
    [
      'patch',
      {
        '*': ({ patch }) =>
          patch([
            { op: 'test', path: '/a', value: 1 },
            { op: 'remove', path: '/a' },
          ]),
      },
      { type: 'JSONPatch', text: '[{"op":"test","path":"/a","value":1},{"op":"remove","path":"/a"}]' },
    ],
    [
      'mergePatch',
      { '*': ({ mergePatch }) => mergePatch({ a: null }) },
      { type: 'JSONMergePatch', text: '{"a":null}' },
    ],
  ])('may say its changes itself with %s', async (_what, pre, patch) => {
    expect((await ask('pre-hook', { pre: pre! }, { body: { a: 1 } })).outcome).toEqual({
      kind: 'replace',
      patch,
    })
  })

  test('changes the body in one way', async () => {
    const both = {
      pre: {
        ContainerCreate: (ctx: { body: JsonObject; mergePatch: (changes: JsonObject) => void }) => {
          ctx.body.a = 1
          ctx.mergePatch({ b: 2 })
        },
      },
    } as unknown as Spec
    await expect(ask('pre-hook', both, { body: {} })).rejects.toThrow('it is one of them')
    const twice = {
      pre: {
        '*': ({ mergePatch }: { mergePatch: (changes: JsonObject) => void }) =>
          void [1, 2].map((b) => mergePatch({ b })),
      },
    }
    await expect(ask('pre-hook', twice as Spec, { body: {} })).rejects.toThrow(
      'put all of its operations into one',
    )
  })

  test('sets and removes header fields, the last word counts', async () => {
    const reply = await ask('pre-hook', {
      pre: {
        '*'({ setHeader, removeHeader }) {
          setHeader('X-Team', 'a')
          removeHeader('X-Debug')
          setHeader('x-team', 'infra')
          removeHeader('x-other')
          setHeader('X-Other', '1')
        },
      },
    })
    expect(reply.outcome).toEqual({
      kind: 'replace',
      headers: { set: { 'x-team': 'infra', 'x-other': '1' }, remove: ['x-debug'] },
    })
  })

  test.each([
    ['Content-Length', '1'],
    ['host', 'x'],
    ['Powerstrip-Hook', 'x'],
    ['a b', 'x'],
    ['x-a', 'b\r\nc: d'],
  ])('cannot set %s to %j', async (name, value) => {
    await expect(
      ask('pre-hook', { pre: { '*': ({ setHeader }) => setHeader(name, value) } }),
    ).rejects.toThrow(TypeError)
  })

  test('refuses with deny, whatever it changed before', async () => {
    const reply = await ask(
      'pre-hook',
      {
        pre: {
          ContainerCreate({ body, deny }) {
            body.Image = 'other'
            return deny('not here', { code: 503, reason: 'Busy' })
          },
        },
      },
      { body: {} },
    )
    expect(reply).toEqual({ outcome: { kind: 'deny', status: 503, message: 'not here', reason: 'Busy' } })
  })

  test.each([399, 600, 403.5])('cannot refuse with %d', async (code) => {
    await expect(ask('pre-hook', { pre: { '*': ({ deny }) => deny('no', { code }) } })).rejects.toThrow(
      RangeError,
    )
  })

  test.each<[string, unknown[], object]>([
    [
      'JSON',
      [200, { Id: 'a', Size: 2n ** 60n }],
      { body: '{"Id":"a","Size":1152921504606846976}', form: 'json', contentType: 'application/json' },
    ],
    [
      'text',
      [200, 'OK', { contentType: 'text/plain' }],
      { body: 'OK', form: 'utf8', contentType: 'text/plain' },
    ],
    ['bytes', [200, new Uint8Array([1, 2])], { body: 'AQI=', form: 'base64', contentType: null }],
    ['nothing', [204], { status: 204, body: '', form: 'utf8', contentType: null }],
    ['nothing after it', [200, '', { skipPostHooks: true }], { body: '', skipPost: true }],
  ])('answers in the engine’s place with %s', async (_what, args, expected) => {
    const reply = await ask('pre-hook', {
      pre: { '*': ({ respond }) => (respond as (...all: unknown[]) => ReturnType<typeof respond>)(...args) },
    })
    expect(reply.outcome).toMatchObject({ kind: 'respond', status: 200, skipPost: false, ...expected })
  })

  test('says what it has to say beside its outcome', async () => {
    const reply = await ask(
      'pre-hook',
      {
        pre: {
          ContainerCreate({ warn, annotate, metadata, compensate }) {
            warn('the tag is mutable')
            annotate('signature', 'missing')
            metadata.volume = 'v-17'
            compensate()
          },
        },
      },
      { metadata: { seen: 1n } },
    )
    expect(reply).toEqual({
      outcome: { kind: 'pass' },
      remarks: {
        warnings: ['the tag is mutable'],
        annotations: { signature: 'missing' },
        metadata: '{"seen":1,"volume":"v-17"}',
        compensate: true,
      },
    })
  })

  test('that only reads its metadata returns none', async () => {
    const reads = { pre: { '*': ({ metadata }: { metadata: JsonObject }) => void metadata.volume } }
    expect(await ask('pre-hook', reads, { metadata: { volume: 'v' } })).toEqual(PASS)
  })

  test('that throws, or returns what means nothing, has failed', async () => {
    const told: unknown[] = []
    const oops = {
      pre: {
        '*': () => {
          throw new Error('oops')
        },
      },
      onError: (problem: unknown, { operation }: { operation: string }) => void told.push(problem, operation),
    }
    await expect(ask('pre-hook', oops)).rejects.toThrow('oops')
    expect(told).toEqual([new Error('oops'), 'ContainerCreate'])
    for (const end of [false, { kind: 'pass' }, 'no', null])
      await expect(ask('pre-hook', { pre: { '*': (() => end) as never } })).rejects.toThrow(
        'ctx.deny() or ctx.respond()',
      )
  })

  test('that looks into a body which it is not shown refuses: nothing would look harmless', async () => {
    const judge = { pre: { ContainerCreate: ({ body }: { body: object }) => void body } }
    const call = makeCall('pre-hook', { operation: 'ContainerCreate' })
    const adapter = defineAdapter({ name: 'test', ...judge }).create()
    const omitted = { ...call, request: { ...call.request, form: 'omitted' as const } }
    expect(await adapter.answer(omitted, never)).toEqual({
      outcome: { kind: 'deny', status: 403, message: expect.stringContaining('it cannot be judged') },
    })
  })

  test('is shown bytes where the use asks for them, and may give others', async () => {
    const call = makeCall('pre-hook', { operation: 'PutContainerArchive' })
    const request = { ...call.request, form: 'base64' as const, base64: 'AQI=' }
    const adapter = defineAdapter({
      name: 'test',
      pre: {
        PutContainerArchive(ctx) {
          expect([ctx.bodyEncoding, [...(ctx.bytes ?? [])]]).toEqual(['base64', [1, 2]])
          ctx.bytes = new Uint8Array([3])
        },
      },
    }).create()
    const { outcome } = await adapter.answer({ ...call, request }, never)
    expect(outcome).toEqual({ kind: 'replace', body: 'Aw==', form: 'base64' })
  })
})

describe('what every handler is told', () => {
  test('about the call', async () => {
    const told: unknown[] = []
    const adapter = defineAdapter({
      name: 'test',
      config: (value) => value as { owner: string },
      pre: {
        ContainerStart(ctx) {
          const { operation, apiVersion, params, method, target, query, headers, user, listener } = ctx
          const { config, uid, requestId, attempt, dryRun, protocol, signal } = ctx
          told.push({
            operation,
            apiVersion,
            params,
            method,
            target,
            keys: query.get('detachKeys'),
            headers,
            user,
          })
          told.push({ listener, config, uid, requestId, attempt, dryRun, protocol, signal })
        },
      },
    }).create({ owner: 'platform' })
    const call = makeCall('pre-hook', {
      operation: 'ContainerStart',
      params: { id: 'web' },
      query: { detachKeys: 'ctrl-p' },
      apiVersion: '1.45',
      headers: { 'user-agent': ['docker'] },
      user: { name: 'alice' },
      uid: 'U',
      requestId: 'R',
      attempt: 2,
      dryRun: true,
    })
    await adapter.answer(call, never)
    expect(told).toEqual([
      {
        operation: 'ContainerStart',
        apiVersion: '1.45',
        params: { id: 'web' },
        method: 'POST',
        target: '/v1.45/containers/web/start?detachKeys=ctrl-p',
        keys: 'ctrl-p',
        headers: { 'user-agent': ['docker'] },
        user: { name: 'alice', authenticationMethod: null, peerAddress: null },
      },
      {
        listener: '',
        config: { owner: 'platform' },
        uid: 'U',
        requestId: 'R',
        attempt: 2,
        dryRun: true,
        protocol: 2,
        signal: never,
      },
    ])
  })

  test('the original request, where it is sent', async () => {
    const seen: unknown[] = []
    const adapter = defineAdapter({
      name: 'test',
      pre: { '*': ({ original }) => void seen.push(original?.body) },
    }).create()
    const call = makeCall('pre-hook', { operation: 'ContainerCreate', body: { Image: 'x:2' } })
    await adapter.answer(call, never)
    await adapter.answer({ ...call, original: { ...call.request, body: '{"Image":"x"}' } }, never)
    expect(seen).toEqual([undefined, { Image: 'x' }])
  })
})

describe('a validate-handler', () => {
  test('refuses, warns and annotates; what it does to the body goes nowhere', async () => {
    const spec: Spec = {
      validate: {
        ContainerCreate({ body, deny, warn, annotate }) {
          warn('seen')
          annotate('a', 'b')
          if (body.HostConfig?.Privileged) return deny('privileged containers are not allowed')
          body.Image = 'other'
          return
        },
      },
    }
    const remarks = { warnings: ['seen'], annotations: { a: 'b' }, compensate: false }
    expect(await ask('validate-hook', spec, { body: { Image: 'x' } })).toEqual({ ...PASS, remarks })
    expect(await ask('validate-hook', spec, { body: { HostConfig: { Privileged: true } } })).toEqual({
      outcome: { kind: 'deny', status: 403, message: 'privileged containers are not allowed' },
      remarks,
    })
  })
})

describe('a post-handler', () => {
  const response = { code: 201, body: { Id: 'abc', Warnings: [] } }

  test('changes code, type, header fields and body', async () => {
    const reply = await ask(
      'post-hook',
      {
        post: {
          ContainerCreate({ request, response, setHeader }) {
            expect(request.body.Image).toBe('x')
            response.code = 200
            response.contentType = 'application/json; charset=utf-8'
            response.body.Warnings?.push('seen')
            setHeader('X-Seen', '1')
          },
        },
      },
      { body: { Image: 'x' }, response },
    )
    expect(reply.outcome).toEqual({
      kind: 'replace',
      status: 200,
      contentType: 'application/json; charset=utf-8',
      patch: { type: 'JSONPatch', text: '[{"op":"add","path":"/Warnings/0","value":"seen"}]' },
      headers: { set: { 'x-seen': '1' }, remove: [] },
    })
  })

  test('filters a list through ctx.body', async () => {
    const reply = await ask(
      'post-hook',
      {
        post: {
          ContainerList: (ctx) => {
            ctx.body = ctx.body.filter(({ Image }) => Image === 'mine')
          },
        },
      },
      { operation: 'ContainerList', response: { code: 200, body: [{ Image: 'mine' }, { Image: 'other' }] } },
    )
    expect(patchIn(reply)).toEqual([{ op: 'remove', path: '/1' }])
  })

  test('refuses, and cannot answer with a code that is none', async () => {
    expect(await ask('post-hook', { post: { '*': ({ deny }) => deny('too late') } }, { response })).toEqual({
      outcome: { kind: 'deny', status: 403, message: 'too late' },
    })
    const odd = {
      post: {
        '*': (ctx: { response: { code: number } }) => {
          ctx.response.code = 199
        },
      },
    }
    await expect(ask('post-hook', odd, { response })).rejects.toThrow(RangeError)
  })

  test('changes an answer that came as text by another text', async () => {
    const call = makeCall('post-hook', { operation: 'ContainerCreate', response })
    if (call.type !== 'post-hook') throw new Error('a post-call was asked for')
    const adapter = defineAdapter({
      name: 'test',
      post: {
        ContainerCreate: ({ body }) => {
          body.Id = 'b'
        },
      },
    }).create()
    const text = { ...call, response: { ...call.response, form: 'utf8' as const } }
    expect((await adapter.answer(text, never)).outcome).toEqual({
      kind: 'replace',
      body: '{"Id":"b","Warnings":[]}',
      form: 'utf8',
    })
  })
})

describe('handlers that are only told', () => {
  test('unwind: why, of which call, and what the pre-handler said', async () => {
    const released: unknown[] = []
    const reply = await ask(
      'unwind-hook',
      {
        unwind: {
          ContainerCreate: ({ uid, metadata, cause, request, response }) =>
            released.push(
              uid,
              metadata.volume,
              cause.phase,
              cause.status?.code,
              request.body.Image,
              response.code,
            ),
        },
      },
      {
        uid: 'U',
        metadata: { volume: 'v-17' },
        body: { Image: 'x' },
        cause: { phase: 'validate', adapter: 'policy', status: { code: 403, message: 'no' } },
      },
    )
    expect(released).toEqual(['U', 'v-17', 'validate', 403, 'x', null])
    expect(reply).toEqual(PASS)
  })

  test('observe: how it ended', async () => {
    const seen: unknown[] = []
    await ask(
      'observe-hook',
      {
        observe: {
          '*': ({ operation, response, fate, requestBytes }) =>
            seen.push(operation, response.code, response.body, fate, requestBytes),
        },
      },
      { response: { code: 201, body: { Id: 'a' } }, fate: 'changed' },
    )
    expect(seen).toEqual(['ContainerCreate', 201, { Id: 'a' }, 'changed', 0])
  })
})

describe('which handler runs', () => {
  const ran: string[] = []
  const spec: Spec = {
    pre: { ContainerCreate: () => void ran.push('exact'), '*': () => void ran.push('any') },
    validate: { ContainerStart: () => void ran.push('other') },
  }

  test('the exact one, else the one for all, else none', async () => {
    await ask('pre-hook', spec)
    await ask('pre-hook', spec, { operation: 'ContainerStart' })
    await ask('validate-hook', spec)
    expect(ran).toEqual(['exact', 'any'])
  })

  test('none for a stream, which is for nobody here', async () => {
    const adapter = defineAdapter({ name: 'test', ...spec }).create()
    const call = { ...makeCall('pre-hook', {}), type: 'stream-hook' } as unknown as StreamCall
    expect(await adapter.answer(call, never)).toEqual(PASS)
  })

  test('a key that is no operation is an error: its handler would never run', () => {
    const misspelt = { ContainerCraete: () => undefined } as Spec['pre']
    expect(() => defineAdapter({ name: 'test', pre: misspelt! })).toThrow(
      'there is no operation "ContainerCraete"',
    )
  })
})

describe('what an adapter says of itself', () => {
  test('comes of its handlers', () => {
    const adapter = defineAdapter({
      name: 'volumes',
      version: '1.4.0',
      sideEffects: 'NoneOnDryRun',
      idempotent: true,
      pre: { ContainerStart() {}, ContainerCreate() {} },
      unwind: { ContainerCreate() {} },
    }).create({ pool: 'a' })
    expect(adapter.abilities).toEqual({
      name: 'volumes',
      version: '1.4.0',
      protocols: [2, 1],
      implements: ['pre-hook', 'unwind-hook'],
      operations: ['ContainerCreate', 'ContainerStart'],
      sideEffects: 'NoneOnDryRun',
      idempotent: true,
      maxBodyBytes: undefined,
      maxConnections: undefined,
      optionsTtlS: undefined,
      isTag: expect.any(String),
    })
  })

  test('is every operation where a handler is for all, and side effects where nothing is said', () => {
    const { abilities } = defineAdapter({
      name: 'a',
      pre: { '*'() {} },
      post: { ContainerList() {} },
    }).create()
    expect([abilities.operations, abilities.sideEffects, abilities.idempotent]).toEqual([
      undefined,
      'Some',
      false,
    ])
  })

  test('has a tag of its configuration', () => {
    const tag = (configured: unknown) => defineAdapter({ name: 'a' }).create(configured).abilities.isTag
    expect(tag({ a: 1 })).toBe(tag({ a: 1 }))
    expect(tag({ a: 1 })).not.toBe(tag({ a: 2 }))
  })
})

describe('configuration by a validator of the Standard Schema kind', () => {
  const owner = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) =>
        typeof (value as { owner?: unknown }).owner === 'string'
          ? { value: value as { owner: string } }
          : {
              issues: [
                { message: 'must be a string', path: ['a', { key: 'owner' }] },
                { message: 'so there' },
              ],
            },
    },
  }

  test('reaches the handlers as it came out of it', async () => {
    const seen: string[] = []
    const adapter = defineAdapter({
      name: 'test',
      config: owner,
      pre: { '*': ({ config }) => void seen.push(config.owner) },
    })
    await adapter.create({ owner: 'x' }).answer(makeCall('pre-hook', {}), never)
    expect(seen).toEqual(['x'])
    expect(() => adapter.create({})).toThrow('"a.owner": must be a string; so there')
  })

  test('that is a function too, as some libraries make them', () => {
    const callable = Object.assign(() => 'never called', owner)
    expect(() => defineAdapter({ name: 'test', config: callable }).create({})).toThrow(TypeError)
  })

  test('that has to wait is not taken for one that agrees', () => {
    const waits = { '~standard': { ...owner['~standard'], validate: async () => ({ value: 1 }) } }
    expect(() => defineAdapter({ name: 'test', config: waits }).create({})).toThrow('has to wait')
  })
})

describe('called in protocol 1', () => {
  const request = {
    method: 'POST',
    target: '/v1.45/containers/create?name=a',
    body: '{"Image":"x","Cpu":1.10}',
  }
  const log: string[] = []
  const old = (spec: Spec) => {
    const note = (message: unknown) => void log.push(String(message))
    return defineAdapter({ name: 'test', ...spec }).create(
      {},
      { log: { info: note, warn: note, error: note } },
    )
  }

  test('a change is a whole body, and what it leaves alone stays as it is written', async () => {
    const adapter = old({
      pre: {
        ContainerCreate: ({ body }) => {
          body.Labels = { a: 'b' }
        },
      },
    })
    expect(await adapter.pre(request, never)).toEqual({
      kind: 'replace',
      body: '{"Image":"x","Cpu":1.10,"Labels":{"a":"b"}}',
    })
  })

  test('an explicit patch is applied, one that does not fit is a failure', async () => {
    const merge = old({ pre: { '*': ({ mergePatch }) => mergePatch({ Image: 'y' }) } })
    expect(await merge.pre(request, never)).toEqual({ kind: 'replace', body: '{"Image":"y","Cpu":1.10}' })
    const misfit = old({ pre: { '*': ({ patch }) => patch([{ op: 'remove', path: '/no' }]) } })
    await expect(async () => misfit.pre(request, never)).rejects.toThrow('cannot be applied')
  })

  test('who validates is asked with the pre-hook, about what it made of the request', async () => {
    const seen: unknown[] = []
    const adapter = old({
      pre: {
        ContainerCreate({ body, query }) {
          body.Image = 'y'
          query.set('name', 'b')
        },
      },
      validate: {
        ContainerCreate({ body, query, deny }) {
          seen.push(body.Image, query.get('name'))
          return body.HostConfig?.Privileged ? deny('privileged') : undefined
        },
      },
    })
    expect(await adapter.pre(request, never)).toEqual({
      kind: 'replace',
      target: '/v1.45/containers/create?name=b',
      body: '{"Image":"y","Cpu":1.10}',
    })
    expect(seen).toEqual(['y', 'b'])
    const privileged = { ...request, body: '{"HostConfig":{"Privileged":true}}' }
    expect(await adapter.pre(privileged, never)).toEqual({ kind: 'deny', status: 403, message: 'privileged' })
  })

  test('one function that judges and validates is asked once, and twice where it changed something', async () => {
    const seen: unknown[] = []
    const judges: NonNullable<Spec['validate']> = {
      ContainerCreate: ({ body }) => {
        seen.push(body.Image)
        body.Image = 'y'
      },
    }
    const adapter = old({ pre: judges, validate: judges })
    await adapter.pre(request, never)
    expect(seen.splice(0)).toEqual(['x', 'y'])
    await adapter.pre({ ...request, body: '{"Image":"y"}' }, never)
    expect(seen).toEqual(['y'])
  })

  test.each([
    [403, 403],
    [451, 451],
    [404, 403],
    [503, 403],
  ])('a refusal with %d stays one, with %d', async (code, told) => {
    const adapter = old({ pre: { '*': ({ deny }) => deny('no', { code }) } })
    expect(await adapter.pre(request, never)).toEqual({ kind: 'deny', status: told, message: 'no' })
  })

  test('warnings go to the log, remarks are dropped', async () => {
    const adapter = old({
      pre: {
        '*'({ warn, annotate, metadata, compensate, protocol }) {
          warn(`protocol ${protocol}`)
          annotate('a', 'b')
          metadata.a = 1
          compensate()
        },
      },
    })
    expect(await adapter.pre(request, never)).toEqual({ kind: 'pass' })
    expect(log).toEqual(['a warning that protocol 1 has no place for: protocol 1'])
  })

  test.each<[string, Spec['pre']]>([
    ['an answer in the engine’s place', { '*': ({ respond }) => respond(200) }],
    ['a header field', { '*': ({ setHeader }) => setHeader('x-a', 'b') }],
    [
      'a body of bytes',
      {
        '*': (ctx) => {
          ctx.bytes = new Uint8Array([1])
        },
      },
    ],
  ])('%s is a failure, for nobody would hear of it', async (_what, pre) => {
    await expect(async () => old({ pre: pre! }).pre(request, never)).rejects.toThrow('protocol 1')
  })

  test.each(['/containers//create', '/containers/create?a=%', 'http://x/containers/create'])(
    '%s is judged by nobody, so it does not pass',
    async (target) => {
      await expect(async () =>
        old({ pre: { ContainerStart() {} } }).pre({ ...request, target }, never),
      ).rejects.toThrow('cannot be judged')
    },
  )
})

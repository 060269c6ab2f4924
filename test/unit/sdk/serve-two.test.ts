/** An adapter as a service for callers of protocol 2: sections 2, 4, 5 and 11, over real sockets. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import {
  type AdapterDefinition,
  defineAdapter,
  type HookCall,
  makeCall,
  options,
  text as optionText,
  type Served,
  serve,
} from 'powerstrip/sdk'
import { signatureFields, signatureProblem } from '../../../src/transport/auth.ts'
import { encodeCall } from '../../../src/wire/v2/call.ts'
import { callFields, V2_TYPE } from '../../../src/wire/v2/fields.ts'

const problems: unknown[] = []
const log = { info() {}, warn() {}, error: (problem: unknown) => void problems.push(problem) }

const volumes = defineAdapter<{ readonly pool: string }>({
  name: 'volumes',
  version: '1.4.0',
  sideEffects: 'NoneOnDryRun',
  pre: {
    ContainerCreate({ body, config, deny, metadata, compensate }) {
      if (body.Image === 'bad') return deny('bad image', { code: 404, reason: 'NoSuchImage' })
      if (body.Image === 'broken') throw Object.assign(new Error('out of luck'), { statusCode: 403 })
      if (body.HostConfig?.Binds === undefined) return
      body.HostConfig!.Binds!.push(`${config.pool}/${body.HostConfig!.Memory}:/data`)
      metadata.volume = 'v-17'
      compensate()
      return
    },
  },
  unwind: { ContainerCreate() {} },
})

let served: Served
beforeAll(async () => {
  served = await serve(volumes, { listen: 'http://127.0.0.1:0', with: { pool: '/pool' }, log })
})
afterAll(() => served.close())

/** As the proxy sends it. */
function send(
  call: HookCall,
  fields: Record<string, string> = {},
  body = encodeCall(call),
  address = served.address,
) {
  return fetch(`${address}/hook`, {
    method: 'POST',
    body,
    headers: { ...callFields(call, 'test'), ...fields },
  })
}

function create(body: object): HookCall {
  return makeCall('pre-hook', { operation: 'ContainerCreate', body: body as never, uid: '01JDA' })
}

/** One of a test's own, whose complaints nobody hears. */
async function serving(definition: AdapterDefinition, told: object = {}): Promise<Served & AsyncDisposable> {
  const deaf = { ...log, error() {} }
  const own = await serve(definition, { listen: 'http://127.0.0.1:0', with: told, log: deaf })
  return { ...own, [Symbol.asyncDispose]: () => own.close() }
}

describe('2: the handshake', () => {
  test('says what the adapter can do', async () => {
    const reply = await fetch(`${served.address}/hook`, { method: 'OPTIONS', headers: { accept: V2_TYPE } })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')?.split(';')[0]).toBe(V2_TYPE)
    expect(await reply.json()).toEqual({
      PowerstripProtocolVersion: 2,
      Name: 'volumes',
      Version: '1.4.0',
      ProtocolVersions: [2, 1],
      Implements: ['pre-hook', 'unwind-hook'],
      Operations: ['ContainerCreate'],
      PatchTypes: ['JSONPatch', 'JSONMergePatch'],
      BodyEncodings: ['json', 'utf8', 'base64'],
      SideEffects: 'NoneOnDryRun',
      Idempotent: false,
      ISTag: expect.stringMatching(/^.{16}$/),
    })
  })

  test('each reply carries the tag of the configuration', async () => {
    const { ISTag } = (await (await fetch(served.address, { method: 'OPTIONS' })).json()) as { ISTag: string }
    expect((await send(create({}))).headers.get('powerstrip-istag')).toBe(ISTag)
  })
})

describe('4: what a configuration says under `with` comes with each call', () => {
  const bound = (config: string): HookCall => ({ ...create({ HostConfig: { Binds: [] } }), config })
  const put = async (config: string) =>
    ((await (await send(bound(config))).json()) as { Patch: { value: string }[] }).Patch[0]!.value

  test('and counts more than what the adapter was started with, for this call', async () => {
    expect(await put('{"pool":"/theirs"}')).toBe('/theirs/undefined:/data')
    expect(await put('{}')).toBe('/pool/undefined:/data')
    expect(await put('{ "pool": "/pool" }')).toBe('/pool/undefined:/data')
  })

  test('as often as it changes', async () => {
    for (let n = 0; n < 40; n++) expect(await put(`{"pool":"/${n}"}`)).toBe(`/${n}/undefined:/data`)
    expect(await put('{"pool":"/0"}')).toBe('/0/undefined:/data')
  })

  test('and is a failure where the adapter cannot take it', async () => {
    const strict = defineAdapter({
      name: 'strict',
      config: options({ team: optionText('nobody') }),
      pre: { '*'() {} },
    })
    await using own = await serving(strict)
    const reply = await send(bound('{"taem":"x"}'), {}, undefined, own.address)
    expect([reply.status, await reply.json()]).toEqual([
      500,
      { message: 'there is no option "taem"; there are: team' },
    ])
  })

  test('and is a failure where something runs in the background by what the adapter was started with', async () => {
    const busy = defineAdapter({ name: 'busy', pre: { '*'() {} }, background: async () => {} })
    await using own = await serving(busy, { of: 1 })
    expect((await send(bound('{"of":1}'), {}, undefined, own.address)).status).toBe(204)
    const reply = await send(bound('{"of":2}'), {}, undefined, own.address)
    expect([reply.status, await reply.json()]).toEqual([
      500,
      {
        message:
          '"busy" is told its options where it is started (--with), and the configuration says others under "with"',
      },
    ])
  })
})

describe('5: replies', () => {
  test('204 where nothing changes', async () => {
    const reply = await send(create({ Image: 'x' }))
    expect([reply.status, await reply.text()]).toEqual([204, ''])
  })

  test('a patch and what goes with it, every digit in place', async () => {
    const call = create({ HostConfig: { Memory: 2n ** 60n, Binds: [] } })
    const reply = await send(call)
    expect(reply.headers.get('content-type')?.split(';')[0]).toBe(V2_TYPE)
    expect(await reply.json()).toEqual({
      PowerstripProtocolVersion: 2,
      Uid: call.uid,
      PatchType: 'JSONPatch',
      Patch: [{ op: 'add', path: '/HostConfig/Binds/0', value: '/pool/1152921504606846976:/data' }],
      Metadata: { volume: 'v-17' },
      Compensate: true,
    })
  })

  test('a refusal is a 200 that says so', async () => {
    const reply = await send(create({ Image: 'bad' }))
    expect([reply.status, await reply.json()]).toEqual([
      200,
      {
        PowerstripProtocolVersion: 2,
        Uid: '01JDA',
        Allowed: false,
        Status: { Code: 404, Reason: 'NoSuchImage', Message: 'bad image' },
      },
    ])
  })

  test('a throw is a 500, whatever status the error carries', async () => {
    const reply = await send(create({ Image: 'broken' }))
    expect([reply.status, await reply.json()]).toEqual([500, { message: 'out of luck' }])
    expect(problems.splice(0)).toEqual([expect.objectContaining({ message: 'out of luck' })])
  })

  test('an unwind-hook of an unknown Uid is taken note of, twice', async () => {
    const call = makeCall('unwind-hook', { operation: 'ContainerCreate' })
    expect([(await send(call)).status, (await send(call)).status]).toEqual([204, 204])
  })

  test('a type of hook that it does not implement is an error', async () => {
    const reply = await send(makeCall('post-hook', { operation: 'ContainerCreate' }))
    expect([reply.status, await reply.json()]).toEqual([
      400,
      { message: 'This adapter implements no post-hook.' },
    ])
  })

  test.each([
    ['no JSON', 'hello', 'A hook call is a JSON object.'],
    [
      'no Uid',
      '{"PowerstripProtocolVersion":2,"Type":"pre-hook","ClientRequest":{"Method":"GET","Request":"/","BodyEncoding":"none"}}',
      'Uid is not a string.',
    ],
  ])('%s is answered with 400, and it lives on', async (_what, body, message) => {
    const reply = await send(create({}), {}, body)
    expect([reply.status, await reply.json()]).toEqual([400, { message }])
    expect((await send(create({}))).status).toBe(204)
  })

  test('a caller that gives its JSON another type is understood too', async () => {
    expect((await send(create({}), { 'Content-Type': 'application/json' })).status).toBe(204)
  })
})

describe('4: the time that is left', () => {
  test('the signal is aborted when it is up', async () => {
    let entered = () => {}
    const waits = defineAdapter({
      name: 'waits',
      pre: {
        async '*'({ signal }) {
          entered()
          await once(signal, 'abort')
        },
      },
    })
    await using own = disposable(await serve(waits, { listen: 'http://127.0.0.1:0', log }))
    const called = new Promise<void>((resolve) => {
      entered = resolve
    })
    const call = { ...create({}), timeoutMs: 50 }
    const reply = send(call, {}, encodeCall(call), own.address)
    await called
    // Nothing else would end it.
    expect((await reply).status).toBe(204)
  })
})

describe('11: authentication', () => {
  let dir: string
  let file: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'auth-'))
    file = join(dir, 'secret')
  })
  afterAll(() => rm(dir, { recursive: true }))

  const listen = 'http://127.0.0.1:0'

  test('a bearer token is asked for, also before a question, and read again when it changes', async () => {
    await writeFile(file, 's3cret\n')
    await using own = disposable(
      await serve(volumes, { listen, with: { pool: '/' }, auth: { bearer: { file } }, log }),
    )
    const ask = (token: string) =>
      send(create({}), { Authorization: `Bearer ${token}` }, undefined, own.address)
    expect((await ask('s3cret')).status).toBe(204)
    expect((await ask('s3creT')).status).toBe(401)
    expect((await send(create({}), {}, undefined, own.address)).status).toBe(401)
    expect((await fetch(own.address, { method: 'OPTIONS' })).status).toBe(401)
    expect((await fetch(`${own.address}/healthz`)).status).toBe(200)
    await writeFile(file, 'another-one\n')
    expect((await ask('s3cret')).status).toBe(401)
    expect((await ask('another-one')).status).toBe(204)
  })

  test('PS-ADAPTER-006: a signature is asked for, and replies are signed, errors included', async () => {
    await writeFile(file, 'new-key\nold-key\n')
    await using own = disposable(
      await serve(volumes, { listen, with: { pool: '/' }, auth: { hmac: { file } }, log }),
    )
    const ask = async (key: string, body: object, sent?: string) => {
      const call = create(body)
      const signed = encodeCall(call)
      const reply = await send(call, signatureFields([key], call.uid, signed), sent ?? signed, own.address)
      const answer = await reply.text()
      return {
        status: reply.status,
        problem: signatureProblem(['old-key'], answer, Object.fromEntries(reply.headers)),
      }
    }
    expect(await ask('new-key', { Image: 'x' })).toEqual({ status: 204, problem: undefined })
    expect(await ask('old-key', { Image: 'bad' })).toEqual({ status: 200, problem: undefined })
    expect(await ask('old-key', { Image: 'broken' })).toEqual({ status: 500, problem: undefined })
    expect((await ask('other-key', {})).status).toBe(401)
    expect((await ask('new-key', {}, encodeCall(create({ Image: 'x' })))).status).toBe(401)
    const late = { ...signatureFields(['new-key'], 'U', ''), 'webhook-timestamp': '1' }
    expect((await send(create({}), late, '', own.address)).status).toBe(401)
    expect((await send(create({}), {}, undefined, own.address)).status).toBe(401)
    problems.splice(0)
  })

  test('a secret that cannot be read is an error at once', async () => {
    await expect(
      serve(volumes, { listen, auth: { bearer: { file: join(dir, 'none') } }, log }),
    ).rejects.toThrow('ENOENT')
  })
})

test('over a unix socket the same', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sdk-'))
  const socketPath = join(dir, 'a.sock')
  {
    await using _own = disposable(
      await serve(volumes, { listen: `unix://${socketPath}`, with: { pool: '/' }, log }),
    )
    const call = create({ Image: 'x' })
    const sent = httpRequest({
      socketPath,
      method: 'POST',
      path: '/hook',
      headers: callFields(call, 'test'),
      agent: false,
    })
    sent.end(encodeCall(call))
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    expect([reply.statusCode, await text(reply)]).toEqual([204, ''])
  }
  await rm(dir, { recursive: true })
})

function disposable(own: Served): Served & AsyncDisposable {
  return { ...own, [Symbol.asyncDispose]: () => own.close() }
}

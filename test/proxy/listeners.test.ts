/** What holds for a listener whatever its hooks are: who may come in, how many, and what changes while it is open. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../src/model/address.ts'
import type { ProxyEvent } from '../../src/model/event.ts'
import { DEFAULT_LISTENER_LIMITS, type ListenerSpec, plainListener } from '../../src/model/listener.ts'
import { type ProxyTerms, startProxy } from '../../src/proxy.ts'
import { connect } from '../support/connect.ts'
import { type ScriptedEngine, startScriptedEngine } from '../support/scripted-engine.ts'
import { eventually, head, PING, PONG, readError, stage } from './stage.ts'

const SECURITY = { minApiVersion: '1.24', unknownEndpoints: 'relay', http2: 'refuse' } as const

describe('a web page in a browser', () => {
  const REFUSED = [
    ['Origin', ['Host: 127.0.0.1:2375', 'Origin: http://evil.example']],
    ['Origin: null', ['Host: 127.0.0.1:2375', 'Origin: null']],
    ['Sec-Fetch-Mode', ['Host: localhost:2375', 'Sec-Fetch-Mode: no-cors']],
    ['a name that resolves to this machine', ['Host: evil.example:2375']],
    ['a name with a dot at its end', ['Host: localhost.']],
    ['an address with letters behind it', ['Host: 127.0.0.1.evil.example']],
  ] as const

  test.each(REFUSED)('gets nothing by TCP: %s', async (_what, fields) => {
    await using scene = await stage({ clients: 'tcp' })
    const client = await scene.client()
    await client.send(head('GET /_ping HTTP/1.1', ...fields))
    expect(readError(await client.end())).toEqual({
      status: 403,
      message: expect.stringContaining('(PS-LISTEN-004)'),
    })
    expect(scene.engine.connections).toHaveLength(0)
  })

  test.each(REFUSED)('cannot reach a unix socket, nor has it a certificate: %s', async (_what, fields) => {
    for (const clients of ['unix', 'tls'] as const) {
      await using scene = await stage({ clients })
      const { client, engine } = await scene.begin(head('GET /_ping HTTP/1.1', ...fields))
      await engine.send(PONG)
      await client.until(PONG)
    }
  })

  test.each([
    '127.0.0.1:2375',
    '[::1]:2375',
    'localhost',
    'docker',
    'Docker-In_Docker:2375',
    'build.example',
  ])('is not meant by the host %s', async (host) => {
    await using scene = await stage({ clients: 'tcp', listener: { hosts: ['build.example'] } })
    const { client, engine } = await scene.begin(head('GET /_ping HTTP/1.1', `Host: ${host}`))
    await engine.send(PONG)
    await client.until(PONG)
  })
})

describe('requests that are in no API description', () => {
  const UNKNOWN = head('GET /v1.45/not/docker HTTP/1.1', 'Host: docker')

  test('are refused where the configuration says so', async () => {
    await using scene = await stage({ security: { ...SECURITY, unknownEndpoints: 'refuse' } })
    const client = await scene.client()
    await client.send(UNKNOWN)
    expect(readError(await client.end())).toEqual({
      status: 403,
      message: expect.stringContaining('(PS-PATH-008)'),
    })
    expect(scene.engine.connections).toHaveLength(0)
  })

  test('are refused on a connection that sent the same before the configuration said so', async () => {
    await using scene = await stage()
    const { client, engine } = await scene.begin(UNKNOWN)
    await engine.send(PONG)
    await client.until(PONG)
    const { listeners, target } = termsOf(scene.proxy.addresses[0]!, scene.engine)
    await scene.proxy.useTerms({
      listeners,
      engine: target,
      security: { ...SECURITY, unknownEndpoints: 'refuse' },
    })
    await client.send(UNKNOWN)
    expect(await client.end()).toContain('(PS-PATH-008)')
    expect(engine.text).toBe(UNKNOWN)
  })
})

describe('HTTP/2 (PS-UPGRADE-004)', () => {
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

  test('is refused', async () => {
    await using scene = await stage()
    const client = await scene.client()
    await client.send(PREFACE)
    expect(readError(await client.end())).toMatchObject({ status: 505 })
    expect(scene.engine.connections).toHaveLength(0)
  })

  test('goes to the engine as it is with http2: passthrough, both ways until both have ended', async () => {
    await using scene = await stage({ security: { ...SECURITY, http2: 'passthrough' } })
    const { client, engine } = await scene.begin(`${PREFACE}settings`)
    expect(engine.text).toBe(`${PREFACE}settings`)
    await engine.send('frames')
    await client.until('frames')
    client.finish()
    await engine.end()
    await engine.send('last')
    engine.finish()
    expect(await client.end()).toBe('frameslast')
    expect(await scene.ended()).toMatchObject({ fate: 'hijacked', operation: 'unknown' })
  })

  test('is refused all the same behind a first request', async () => {
    await using scene = await stage({ security: { ...SECURITY, http2: 'passthrough' } })
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
    await client.send(PREFACE)
    expect(await client.end()).toContain('HTTP/1.1 505 ')
    expect(engine.text).toBe(PING)
  })
})

describe('limits (PS-LISTEN-005)', () => {
  const limited = (limits: Partial<ListenerSpec['limits']>) => ({
    listener: { limits: { ...DEFAULT_LISTENER_LIMITS, ...limits } },
  })

  test('as many connections as may be, told once for each time that there are too many', async () => {
    await using scene = await stage(limited({ connections: 2 }))
    const first = await scene.client()
    await scene.client()
    await eventually(() => scene.proxy.connections === 2)
    for (let more = 0; more < 3; more++) await (await scene.client()).close()
    expect(scene.events.filter(({ kind }) => kind === 'listener-full')).toEqual([
      { kind: 'listener-full', listener: 'default', connections: 2 },
    ])
    first.leave()
    await eventually(() => scene.proxy.connections === 1)
    const { client, engine } = await scene.begin(PING)
    await engine.send(PONG)
    await client.until(PONG)
  })

  test('a head that takes longer than it may', async () => {
    await using scene = await stage(limited({ headTimeoutMs: 50 }))
    const client = await scene.client()
    await client.send('GET /_ping HTT')
    expect(readError(await client.end())).toEqual({
      status: 408,
      message: 'the head did not arrive within 0.05 s (PS-FRAME-011)',
    })
  })
})

describe('terms that change while it runs', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'terms-'))
  })

  afterEach(() => rm(folder, { recursive: true, force: true }))

  const at = (name: string): Address => ({ kind: 'unix', path: join(folder, `${name}.sock`) })
  const listener = (name: string, more: Partial<ListenerSpec> = {}) =>
    plainListener(at(name), { name, ...more })

  async function running(engine: ScriptedEngine, terms: Omit<ProxyTerms, 'engine'>) {
    const events: ProxyEvent[] = []
    const started = await startProxy({
      ...terms,
      engine: { address: engine.address, tls: undefined },
      tell: (event) => events.push(event),
    })
    if (!started.ok) throw new Error(started.failure.message)
    const proxy = started.value
    return {
      proxy,
      events,
      use: (next: Omit<ProxyTerms, 'engine'>, other = engine) =>
        proxy.useTerms({ ...next, engine: { address: other.address, tls: undefined } }),
      [Symbol.asyncDispose]: () => proxy.drain(0),
    }
  }

  async function ping(engine: ScriptedEngine, name: string): Promise<void> {
    await using client = await connect(at(name))
    await client.send(PING)
    const served = await engine.accept()
    await served.until(PING)
    await served.send(PONG)
    await client.until(PONG)
  }

  test('open what is new and close what is gone; an exchange in hand is finished, an idle connection ends', async () => {
    await using engine = await startScriptedEngine()
    await using at_ = await running(engine, { listeners: [listener('stays'), listener('goes')] })
    await using idle = await connect(at('goes'))
    await using busy = await connect(at('goes'))
    await using kept = await connect(at('stays'))
    await busy.send(PING)
    const served = await engine.accept()
    await served.until(PING)
    await eventually(() => at_.proxy.connections === 3)

    expect(await at_.use({ listeners: [listener('stays'), listener('comes')] })).toEqual({
      ok: true,
      value: undefined,
    })
    expect(await idle.end()).toBe('')
    await served.send(PONG)
    expect(await busy.end()).toBe(PONG)
    await expect(connect(at('goes'))).rejects.toThrow('ENOENT')
    await ping(engine, 'comes')
    await kept.send(PING)
    await (await engine.accept()).until(PING)
    expect(at_.proxy.addresses).toEqual([at('stays'), at('comes')])
  })

  test('change nothing where a new address cannot be had', async () => {
    await using engine = await startScriptedEngine()
    await using at_ = await running(engine, { listeners: [listener('one')] })
    const impossible = plainListener({ kind: 'unix', path: '/nowhere/at/all.sock' }, { name: 'two' })
    expect(await at_.use({ listeners: [listener('three'), impossible] })).toMatchObject({
      ok: false,
      failure: { kind: 'outside', message: expect.stringContaining('/nowhere/at/all.sock') },
    })
    await ping(engine, 'one')
    await expect(connect(at('three'))).rejects.toThrow('ENOENT')
  })

  test('put a listener in the place of another at the same address, and the other back where that fails', async () => {
    await using engine = await startScriptedEngine()
    await using at_ = await running(engine, { listeners: [listener('one')] })
    const named = (owner: string) => listener('one', { socket: { mode: 0o600, owner, group: undefined } })
    expect(await at_.use({ listeners: [named('no-such-user')] })).toMatchObject({ ok: false })
    await ping(engine, 'one')
    expect(await at_.use({ listeners: [named(String(process.getuid?.()))] })).toMatchObject({ ok: true })
    await ping(engine, 'one')
  })

  test('lead connections from then on to another engine', async () => {
    await using engine = await startScriptedEngine()
    await using other = await startScriptedEngine()
    await using at_ = await running(engine, { listeners: [listener('one')] })
    await ping(engine, 'one')
    await at_.use({ listeners: [listener('one')] }, other)
    await ping(other, 'one')
  })

  test('refuse an engine that is one of the listeners', async () => {
    await using engine = await startScriptedEngine()
    await using at_ = await running(engine, { listeners: [listener('one')] })
    const circle = await at_.proxy.useTerms({
      listeners: [listener('one')],
      engine: { address: at('one'), tls: undefined },
    })
    expect(circle).toMatchObject({ ok: false, failure: { kind: 'usage' } })
    await ping(engine, 'one')
  })
})

function termsOf(address: Address, engine: ScriptedEngine) {
  return { listeners: [plainListener(address)], target: { address: engine.address, tls: undefined } }
}

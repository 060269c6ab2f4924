/** Protocol 2, section 6: what was reserved is undone where the exchange does not end well. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answering, type EngineScript, sendJson } from '../../support/cases/engine.ts'
import { request } from '../../support/raw/box.ts'
import { holdLimits } from '../../support/time-limits.ts'
import { type Behaviour, type Said, startTwo } from '../../support/two/adapter.ts'
import { CREATE, messageOf, setTwo, type TwoStage } from '../../support/two/stage.ts'

const PLACES = ['a', 'b', 'c', 'd'] as const
type Place = (typeof PLACES)[number]

/** Reserves something; what else it says to which call is the test's. */
const reserving =
  (name: string, says: (type: string) => Said | 'usual' = () => 'usual'): Behaviour =>
  ({ type }) => {
    const said = says(type)
    if (said !== 'usual') return said
    return type === 'pre-hook' ? { Compensate: true, Metadata: { of: name } } : undefined
  }

interface Chain {
  readonly at?: Place
  /** What the hook at that place says instead. */
  readonly pre?: Said
  readonly engine?: EngineScript
  readonly more?: object
}

function chain({ at, pre, engine, more = {} }: Chain): Promise<TwoStage> {
  const cast = PLACES.map((name) => {
    const does = reserving(name, (type) => (name === at && type === 'pre-hook' ? pre : 'usual'))
    return [name, { does, timeout: '1h' }] as const
  })
  return setTwo({
    adapters: Object.fromEntries(cast),
    endpoints: { ContainerCreate: { pre: PLACES, ...more } },
    more: { chain: { deadline: '2h' } },
    ...(engine === undefined ? {} : { engine }),
  })
}

/** Who was undone, in order; fails if one was undone under another Uid than that of its pre-hook, or twice. */
async function undone(scene: TwoStage, expected: number): Promise<string[]> {
  if (expected > 0) await scene.note('unwound', expected)
  await scene.ended()
  const uids = new Map(
    scene.timeline.filter(({ type }) => type === 'pre-hook').map(({ adapter, uid }) => [adapter, uid]),
  )
  const calls = scene.timeline.filter(({ type }) => type === 'unwind-hook')
  for (const { adapter, uid } of calls) expect(uid).toBe(uids.get(adapter))
  expect(new Set(calls.map(({ uid }) => uid)).size).toBe(calls.length)
  return calls.map(({ adapter }) => adapter)
}

/** Those before a place, the latest first. */
const earlier = (at: Place) => PLACES.slice(0, PLACES.indexOf(at)).reverse()

describe('a chain of four of which each place fails in turn', () => {
  describe.each(PLACES)('at %s', (at) => {
    test.each<[string, Said, boolean]>([
      ['refuses', { Allowed: false, Status: { Message: 'no' } }, false],
      ['answers 500', { status: 500 }, false],
      ['breaks off in mid-call', 'crash', true],
      ['does not answer in time', 'silence', true],
      ['answers what cannot be read', '{', true],
      ['asks for it, in a reply that is wrong otherwise', { Compensate: true, Patch: 7 }, true],
    ])('V2-6.1, V2-6.2, V2-6.3: a hook that %s', async (_what, pre, mayHaveActed) => {
      using limits = holdLimits()
      await using scene = await chain({ at, pre })
      const asked = scene.create()
      if (pre === 'silence') {
        await scene.adapter(at).called()
        limits.end()
      }
      const answer = await asked
      expect(answer.status).toBeGreaterThanOrEqual(400)
      const expected = [...(mayHaveActed ? [at] : []), ...earlier(at)]
      // The client was answered after them.
      expect(scene.notes('unwound')).toHaveLength(expected.length)
      expect(await undone(scene, expected.length)).toEqual(expected)
      const causes = scene.timeline.filter(({ type }) => type === 'unwind-hook').map(({ message }) => message)
      for (const { Cause, Metadata, Uid } of causes) {
        const own = scene.timeline.find(({ uid }) => uid === Uid)!.adapter
        const isSelf = own === at && pre !== undefined
        expect(Cause).toEqual({
          Phase: 'pre',
          Adapter: at,
          SelfTimeout: isSelf,
          Upstream: 'not-called',
          Status: { Code: answer.status, Message: messageOf(answer) },
        })
        expect(Metadata).toEqual(isSelf ? undefined : { of: own })
      }
      expect(scene.engine.requests).toEqual([])
    })

    test('V2-6.1: a hook that answers in the engine’s place is not undone, those before it are', async () => {
      await using scene = await chain({
        at,
        pre: { ImmediateResponse: { Code: 200, Body: {} }, Compensate: true },
      })
      expect((await scene.create()).status).toBe(200)
      expect(await undone(scene, earlier(at).length)).toEqual(earlier(at))
    })

    test('V2-6.2: a hook that does not ask for it is not undone', async () => {
      await using scene = await chain({ at, pre: undefined, engine: answering(500, 'text/plain', 'no') })
      await scene.create()
      expect(await undone(scene, 3)).toEqual(PLACES.filter((place) => place !== at).reverse())
    })

    test('V2-6.1, V2-9.5: the client leaves while it is called', async () => {
      await using scene = await chain({ at, pre: 'silence' })
      const client = await scene.connect()
      client.write(request('POST', CREATE, {}))
      await scene.adapter(at).called()
      await client[Symbol.asyncDispose]()
      const expected = [at, ...earlier(at)]
      expect(await undone(scene, expected.length)).toEqual(expected)
      const { Cause } = scene.timeline.at(-1)!.message
      expect(Cause).toMatchObject({ Phase: 'client', Adapter: null, Upstream: 'not-called' })
      expect((await scene.ended()).fate).toBe('aborted')
    })
  })
})

const ALL = ['d', 'c', 'b', 'a']

describe('what follows the pre-hooks', () => {
  test.each<[string, Said]>([
    ['refuses', { Allowed: false }],
    ['fails', { status: 500 }],
  ])('V2-6.1: a validate-hook %s', async (_what, said) => {
    await using scene = await setTwo({
      adapters: {
        ...Object.fromEntries(PLACES.map((name) => [name, reserving(name)])),
        v: () => said,
      },
      endpoints: { ContainerCreate: { pre: PLACES, validate: ['v'] } },
    })
    await scene.create()
    expect(await undone(scene, 4)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Phase: 'validate', Adapter: 'v' })
  })

  test('all goes well: nobody is undone', async () => {
    await using scene = await chain({})
    expect((await scene.create()).status).toBe(201)
    await scene.ended()
    expect(scene.timeline.map(({ type }) => type)).toEqual(Array(4).fill('pre-hook'))
  })

  test('V2-6.1, V2-6.7: the engine answers with an error, which the client gets after all is undone', async () => {
    await using scene = await chain({ engine: answering(409, 'application/json', '{"message":"in use"}') })
    const answer = await scene.create()
    expect([answer.status, messageOf(answer)]).toEqual([409, 'in use'])
    expect(scene.notes('unwound')).toHaveLength(4)
    expect(await undone(scene, 4)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message).toMatchObject({
      Cause: { Phase: 'engine', Upstream: 'failed', Status: { Code: 409 } },
      ServerResponse: { Code: 409, Body: { message: 'in use' } },
    })
  })

  test('V2-6.1, V2-6.8: a post-hook turns the error into a success, which keeps everything', async () => {
    await using scene = await setTwo({
      adapters: {
        a: ({ type }) =>
          type === 'pre-hook' ? { Compensate: true } : { ModifiedServerResponse: { Code: 200, Body: '{}' } },
      },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['a'] } },
      engine: answering(409, 'application/json', '{}'),
    })
    expect((await scene.create()).status).toBe(200)
    await scene.ended()
    expect(scene.timeline.map(({ type }) => type)).toEqual(['pre-hook', 'post-hook'])
  })

  test.each<[string, Said]>([
    ['refuses', { Allowed: false }],
    ['makes an error of it', { ModifiedServerResponse: { Code: 500 } }],
  ])('V2-6.1, V2-6.7: a post-hook %s: the engine had acted', async (_what, said) => {
    await using scene = await setTwo({
      adapters: { a: reserving('a'), p: () => said },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['p'] } },
    })
    await scene.create()
    expect(await undone(scene, 1)).toEqual(['a'])
    expect(scene.timeline.at(-1)!.message).toMatchObject({
      Cause: { Phase: 'post', Upstream: 'completed' },
      ServerResponse: { Code: 201, Body: { Id: 'abc' } },
    })
  })

  test.each<[string, EngineScript, string]>([
    ['closes without an answer', (_request, response) => void response.socket?.destroy(), 'unknown'],
    [
      'breaks off in its head',
      (_request, response) => void response.socket?.end('HTTP/1.1 201 Crea'),
      'unknown',
    ],
  ])('V2-6.1, V2-6.7: the engine %s', async (_what, engine, upstream) => {
    await using scene = await chain({ engine })
    expect((await scene.create()).status).toBe(502)
    expect(await undone(scene, 4)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Phase: 'engine', Upstream: upstream })
  })

  test('V2-6.1, V2-6.7: the engine cannot be reached', async () => {
    await using scene = await setTwo({
      adapters: { a: reserving('a') },
      endpoints: { ContainerCreate: { pre: ['a'] } },
      engine: { kind: 'unix', path: '/nowhere/docker.sock' },
    })
    expect((await scene.create()).status).toBe(502)
    expect(await undone(scene, 1)).toEqual(['a'])
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Upstream: 'failed' })
  })

  test('the client leaves while the engine works', async () => {
    let arrived = () => {}
    const here = new Promise<void>((resolve) => {
      arrived = resolve
    })
    await using scene = await chain({ engine: () => arrived() })
    const client = await scene.connect()
    client.write(request('POST', CREATE, {}))
    await here
    await client[Symbol.asyncDispose]()
    expect(await undone(scene, 4)).toEqual(ALL)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Phase: 'client', Upstream: 'unknown' })
  })

  test('the client leaves while a post-hook is called: the engine had acted', async () => {
    await using scene = await setTwo({
      adapters: { a: reserving('a'), p: () => 'silence' },
      endpoints: { ContainerCreate: { pre: ['a'], post: ['p'] } },
    })
    const client = await scene.connect()
    client.write(request('POST', CREATE, {}))
    await scene.adapter('p').called()
    await client[Symbol.asyncDispose]()
    expect(await undone(scene, 1)).toEqual(['a'])
    expect(scene.timeline.at(-1)!.message).toMatchObject({
      Cause: { Phase: 'client', Upstream: 'completed' },
      ServerResponse: { Code: 201 },
    })
  })

  test.each<[string, object, EngineScript | undefined]>([
    ['the answer goes through a post-hook', { post: ['p'] }, undefined],
    ['the answer is relayed', {}, undefined],
    ['a hook answers in the engine’s place', { pre: ['a', 'i'] }, undefined],
  ])('V2-6.1: the client is gone when its answer is ready, and %s', async (_what, lists) => {
    let leave = async () => {}
    await using scene = await setTwo({
      adapters: {
        a: reserving('a'),
        // The connection is closed by the time that the proxy hears what the hook, or the engine, says.
        p: async () => void (await leave()),
        i: async ({ type }) => {
          if (type !== 'pre-hook') return undefined
          await leave()
          return { ImmediateResponse: { Code: 200, Body: {} }, Compensate: true }
        },
      },
      endpoints: { ContainerCreate: { pre: ['a'], ...lists } },
      engine: async (_request, response) => {
        if (!('post' in lists)) await leave()
        sendJson(response, 201, { Id: 'abc' })
      },
    })
    const client = await scene.connect()
    leave = () => client[Symbol.asyncDispose]()
    client.write(request('POST', CREATE, {}))
    const expected = 'pre' in lists ? ['i', 'a'] : ['a']
    expect(await undone(scene, expected.length)).toEqual(expected)
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Phase: 'client' })
    expect((await scene.ended()).fate).toBe('aborted')
  })

  test('a failure that was passed over is undone with the rest, if it may have acted', async () => {
    using limits = holdLimits()
    await using scene = await setTwo({
      adapters: {
        a: {
          does: ({ type }) => (type === 'pre-hook' ? 'silence' : undefined),
          timeout: '1h',
          onError: 'ignore',
        },
        b: () => ({ Allowed: false }),
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] } },
      more: { chain: { deadline: '2h' } },
    })
    const asked = scene.create()
    await scene.adapter('a').called()
    limits.end()
    await asked
    expect(await undone(scene, 1)).toEqual(['a'])
    expect(scene.timeline.at(-1)!.message.Cause).toMatchObject({ Adapter: 'b', SelfTimeout: true })
  })
})

describe('undoing itself', () => {
  test('V2-6.3, V2-6.4, V2-6.6: all are tried even if one fails; what could not be undone is told with what repair needs', async () => {
    await using scene = await setTwo({
      adapters: {
        a: reserving('a'),
        b: reserving('b', (type) => (type === 'unwind-hook' ? { status: 500, text: 'locked' } : 'usual')),
        c: reserving('c', (type) => (type === 'unwind-hook' ? 'crash' : 'usual')),
        d: () => ({ Allowed: false, Status: { Message: 'no' } }),
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b', 'c', 'd'] } },
    })
    const answer = await scene.create()
    // None of it changes what the client gets.
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "d": no'])
    const calls = scene.timeline.filter(({ type }) => type === 'unwind-hook')
    // The connection to c had been idle when it broke, so the call was repeated, under the same Uid.
    expect(calls.map(({ adapter, message }) => [adapter, message.Attempt])).toEqual([
      ['c', 1],
      ['c', 2],
      ['b', 1],
      ['a', 1],
    ])
    expect(calls[0]!.uid).toBe(calls[1]!.uid)
    const [c, b] = scene.notes('unwind-failed')
    expect(c).toMatchObject({ adapter: 'c', failure: { kind: 'unreachable' } })
    const uid = scene.timeline.find(({ adapter }) => adapter === 'b')!.uid
    expect(b).toMatchObject({
      adapter: 'b',
      uid,
      requestId: scene.timeline[0]!.message.RequestId,
      method: 'POST',
      target: CREATE,
      metadata: '{"of":"b"}',
      cause: { phase: 'pre', adapter: 'd', upstream: 'not-called' },
      failure: { kind: 'broken', message: 'it answered 500: locked' },
    })
    expect((await scene.ended()).chain?.unwound.map(({ adapter, result }) => [adapter, result])).toEqual([
      ['c', 'failed'],
      ['b', 'failed'],
      ['a', 'done'],
    ])
  })

  test('V2-6.4: it is tried although the circuit breaker holds calls off', async () => {
    let isBroken = false
    await using scene = await setTwo({
      adapters: {
        a: {
          does: reserving('a', (type) => (type === 'pre-hook' && isBroken ? { status: 500 } : 'usual')),
          circuitBreaker: { failures: 1, pause: '1m' },
        },
        b: async ({ type }) => {
          if (type !== 'pre-hook') return undefined
          // In the meantime another exchange trips it.
          isBroken = true
          await scene.ask('POST', '/v1.45/containers/web/start')
          return { Allowed: false }
        },
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] }, ContainerStart: { pre: ['a'] } },
    })
    expect((await scene.create()).status).toBe(403)
    expect(scene.notes('unwind-failed')).toEqual([])
    expect(scene.timeline.map(({ adapter, type }) => `${adapter} ${type}`)).toEqual([
      'a pre-hook',
      'b pre-hook',
      'a pre-hook',
      'a unwind-hook',
    ])
  })

  test('V2-6.2: an adapter that has no unwind-hook and did not end in time has nothing to be undone', async () => {
    const without = { Implements: ['pre-hook'] }
    await using old = await startTwo('c', { does: () => 'silence' })
    old.optionsStatus = 404
    await using scene = await setTwo({
      adapters: {
        a: reserving('a'),
        b: { does: () => 'silence', abilities: without, timeout: '100ms', onError: 'ignore' },
        // Asked for its protocol, it turns out to speak none but the first.
        c: { unix: old.socket, timeout: '100ms', onError: 'ignore' },
        d: { does: reserving('d'), abilities: without },
        e: () => ({ Allowed: false }),
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b', 'c', 'd', 'e'] } },
    })
    await scene.create()
    // One that asks for what it does not have is told of.
    expect(scene.notes('unwind-failed')).toEqual([
      expect.objectContaining({
        adapter: 'd',
        failure: {
          kind: 'bad-reply',
          problem: 'it implements no unwind-hook, as its answer to OPTIONS says',
        },
      }),
    ])
    const { chain } = await scene.ended()
    expect(chain?.unwound.map(({ adapter, result }) => [adapter, result])).toEqual([
      ['d', 'failed'],
      ['a', 'done'],
    ])
  })

  test('V2-6.2: an adapter that was not called in time, because it has not said what it speaks, has not acted', async () => {
    await using mute = createServer(() => {})
    await once(mute.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}/`
    await using scene = await setTwo({
      adapters: { a: reserving('a'), b: { url, timeout: '100ms' } },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] } },
    })
    expect((await scene.create()).status).toBe(504)
    const { chain } = await scene.ended()
    expect(chain?.unwound.map(({ adapter, result }) => [adapter, result])).toEqual([['a', 'done']])
    mute.closeAllConnections()
  })

  test('V2-6.5: the client waits 2 s at most; a hook that hangs leaves time for those before it', async () => {
    using limits = holdLimits()
    await using scene = await setTwo({
      adapters: {
        a: reserving('a'),
        b: async ({ type }) => (type === 'pre-hook' ? { Compensate: true } : 'silence'),
        c: () => ({ Allowed: false }),
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b', 'c'] } },
      more: { chain: { unwindTimeout: '4h' } },
    })
    const answer = await scene.create()
    expect(answer.status).toBe(403)
    // The answer did not wait for the hook that hangs, nor did the one before it have its turn.
    expect(scene.notes('unwound')).toEqual([])
    limits.end()
    expect((await scene.note('unwind-failed')) as object).toMatchObject({
      adapter: 'b',
      failure: { kind: 'deadline' },
    })
    expect(await scene.note('unwound')).toMatchObject({ adapter: 'a' })
  })

  test('the proxy does not stop before all is undone', async () => {
    let calls = 0
    const scene = await setTwo({
      adapters: {
        a: async ({ type }) => {
          if (type === 'pre-hook') return { Compensate: true }
          await new Promise((resolve) => setTimeout(resolve, 300))
          calls++
          return undefined
        },
        b: () => 'silence',
      },
      endpoints: { ContainerCreate: { pre: ['a', 'b'] } },
    })
    const client = await scene.connect()
    client.write(request('POST', CREATE, {}))
    await scene.adapter('b').called()
    await client[Symbol.asyncDispose]()
    await scene.adapter('a').called(1, 'unwind-hook')
    await scene.proxy.drain(0)
    expect(calls).toBe(1)
    await scene[Symbol.asyncDispose]()
  })

  test('an engine’s own answer that needs no undoing is relayed as it comes', async () => {
    await using scene = await setTwo({
      adapters: { a: reserving('a') },
      endpoints: { ContainerList: { pre: ['a'] } },
      engine: (_request, response) => sendJson(response, 200, []),
    })
    expect((await scene.ask('GET', '/containers/json')).status).toBe(200)
    expect((await scene.ended()).fate).toBe('unchanged')
  })
})

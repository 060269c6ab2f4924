/** What becomes of a container whose start is refused before the engine hears of it. */

import { logTo } from '../../../src/telemetry/log.ts'
import { type EngineScript, type SeenRequest, send, sendJson } from '../../support/cases/engine.ts'
import { request } from '../../support/raw/box.ts'
import { holdLimits } from '../../support/time-limits.ts'
import type { Behaviour } from '../../support/two/adapter.ts'
import { messageOf, setTwo, type TwoScene } from '../../support/two/stage.ts'

const ID = '4f'.repeat(32)
const START = '/v1.45/containers/web/start'
const LOOK = 'GET /v1.45/containers/web/json'
const REMOVE = `DELETE /v1.45/containers/${ID}?v=1`

const DENIES: Behaviour = () => ({ Allowed: false, Status: { Message: 'no start' } })

interface Facts {
  readonly status?: string
  readonly autoRemove?: boolean
  /** Of the removal. */
  readonly removal?: EngineScript
}

/** An engine with one container, which never ran and is to be removed when it ends unless told. */
function withContainer({ status = 'created', autoRemove = true, removal }: Facts = {}): EngineScript {
  return (seen, response) => {
    if (seen.method === 'GET')
      return sendJson(response, 200, {
        Id: ID,
        State: { Status: status },
        HostConfig: { AutoRemove: autoRemove },
      })
    if (seen.method === 'DELETE' && removal !== undefined) return removal(seen, response)
    response.writeHead(204).end()
  }
}

const lineOf = ({ method, target }: SeenRequest) => `${method} ${target}`

/** A start that an adapter refuses. */
function refusing(scene: TwoScene = {}) {
  return setTwo({
    engine: withContainer(),
    ...scene,
    adapters: { policy: DENIES, ...scene.adapters },
    endpoints: { ContainerStart: { pre: ['policy'] }, ...scene.endpoints },
  })
}

describe('a container that was to be removed when it ends', () => {
  test.each<[string, Behaviour, number]>([
    ['refuses', DENIES, 403],
    ['fails', () => ({ status: 500 }), 502],
    [
      'answers with an error in the engine’s place',
      () => ({ ImmediateResponse: { Code: 409, Body: {} } }),
      409,
    ],
  ])('is removed, in its client’s name, where a pre-hook %s', async (_what, does, status) => {
    await using scene = await refusing({ adapters: { policy: does } })
    expect((await scene.ask('POST', START)).status).toBe(status)
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK, REMOVE])
    expect(scene.notes('unstarted-removed')).toEqual([
      expect.objectContaining({ container: ID, listener: expect.any(String) }),
    ])
  })

  test('is removed where a validate-hook refuses, and the client keeps its connection and its answer', async () => {
    await using scene = await refusing({ endpoints: { ContainerStart: { validate: ['policy'] } } })
    const answer = await scene.ask('POST', START)
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "policy": no start'])
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK, REMOVE])
  })

  test('is removed where a post-hook makes an error of an adapter’s answer, or refuses it', async () => {
    for (const says of [{ Allowed: false }, { ModifiedServerResponse: { Code: 500, Body: '{}' } }]) {
      await using scene = await refusing({
        adapters: {
          policy: () => ({ ImmediateResponse: { Code: 204 } }),
          after: () => says,
        },
        endpoints: { ContainerStart: { pre: ['policy'], post: ['after'] } },
      })
      expect((await scene.ask('POST', START)).status).toBeGreaterThanOrEqual(400)
      expect(scene.engine.requests.map(lineOf)).toEqual([LOOK, REMOVE])
    }
  })

  test('is asked for without a version where the client writes none, by the name that it has', async () => {
    await using scene = await refusing()
    await scene.ask('POST', '/containers/w%65b%2Fx/start?detachKeys=a')
    expect(scene.engine.requests.map(lineOf)).toEqual([
      'GET /containers/web%2Fx/json',
      `DELETE /containers/${ID}?v=1`,
    ])
  })

  test('is removed, too, by an engine that sends its answers in chunks, or until it closes', async () => {
    const whole = JSON.stringify({ Id: ID, State: { Status: 'created' }, HostConfig: { AutoRemove: true } })
    for (const inChunks of [true, false]) {
      await using scene = await refusing({
        engine: ({ method }, response) => {
          if (method !== 'GET') return void response.writeHead(204).end()
          response.useChunkedEncodingByDefault = inChunks
          response.writeHead(200, inChunks ? {} : { Connection: 'close' })
          response.write(whole.slice(0, 20))
          response.end(whole.slice(20))
        },
      })
      expect((await scene.ask('POST', START)).status).toBe(403)
      expect(scene.engine.requests.map(lineOf)).toEqual([LOOK, REMOVE])
    }
  })

  test.each<[string, string, Facts]>([
    ['was not to be removed', START, { autoRemove: false }],
    ['runs', START, { status: 'running' }],
    ['has ended', START, { status: 'exited' }],
  ])('stays where it %s', async (_what, target, facts) => {
    await using scene = await refusing({ engine: withContainer(facts) })
    expect((await scene.ask('POST', target)).status).toBe(403)
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK])
    expect([...scene.notes('unstarted-left'), ...scene.notes('unstarted-removed')]).toEqual([])
  })

  test('is not looked at in a dry run, where another operation is refused, or where an adapter starts it itself', async () => {
    await using scene = await refusing({
      adapters: {
        policy: ({ message }) =>
          message.Operation === 'ContainerStart' && message.DryRun !== true
            ? { ImmediateResponse: { Code: 204 } }
            : { Allowed: false },
      },
      endpoints: { 'ContainerStart | ContainerRestart': { pre: ['policy'] } },
    })
    const dry = await scene.ask('POST', START, undefined, ['Powerstrip-Dry-Run: All'])
    expect(dry.status).toBe(403)
    expect((await scene.ask('POST', '/v1.45/containers/web/restart')).status).toBe(403)
    expect((await scene.ask('POST', START)).status).toBe(204)
    expect(scene.engine.requests).toEqual([])
  })

  test('is not looked at where the client leaves before it is refused', async () => {
    await using scene = await refusing({
      adapters: { policy: ({ type }) => (type === 'pre-hook' ? 'silence' : undefined) },
    })
    const client = await scene.connect()
    client.write(request('POST', START))
    await scene.adapter('policy').called()
    await client[Symbol.asyncDispose]()
    expect((await scene.ended()).fate).toBe('aborted')
    expect(scene.engine.requests).toEqual([])
  })
})

describe('the client’s own hooks decide', () => {
  const ALLOWED: Behaviour = () => undefined

  test('a hook on the removal sees it as the client’s own, after everything is undone and before the client is answered', async () => {
    let answered = false
    const seen: boolean[] = []
    await using scene = await refusing({
      adapters: {
        lease: {
          does: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
          headers: { forward: ['user-agent'] },
        },
        watch: {
          does: () => {
            seen.push(answered)
            return undefined
          },
          headers: { forward: ['user-agent'] },
        },
      },
      endpoints: {
        ContainerStart: { pre: ['lease', 'policy'] },
        'ContainerInspect | ContainerDelete': { pre: ['watch'], post: ['watch'] },
      },
    })
    await scene.ask('POST', START, undefined, ['User-Agent: red', 'Powerstrip-Asker: 1'])
    answered = true
    expect(scene.timeline.map(({ adapter, type, message }) => [adapter, type, message.Operation])).toEqual([
      ['lease', 'pre-hook', 'ContainerStart'],
      ['policy', 'pre-hook', 'ContainerStart'],
      ['lease', 'unwind-hook', 'ContainerStart'],
      ['watch', 'pre-hook', 'ContainerInspect'],
      ['watch', 'post-hook', 'ContainerInspect'],
      ['watch', 'pre-hook', 'ContainerDelete'],
      ['watch', 'post-hook', 'ContainerDelete'],
    ])
    expect(seen).toEqual([false, false, false, false])
    const [start, removal] = [scene.timeline[0]!.message, scene.timeline[5]!.message]
    expect(removal.User).toEqual(start.User)
    expect(removal.Listener).toEqual(start.Listener)
    expect(removal.ClientRequest.Headers).toEqual(start.ClientRequest.Headers)
    expect(JSON.stringify(removal.ClientRequest.Headers)).toContain('red')
    expect(removal).toMatchObject({ PathParams: { id: ID }, Query: { v: ['1'] } })
    for (const each of scene.engine.requests) {
      expect(each.field('user-agent')).toBe('red')
      expect(each.field('powerstrip-asker')).toBeUndefined()
    }
  })

  test.each([
    ['ContainerInspect', 'pre', []],
    ['ContainerInspect', 'post', [LOOK]],
    ['ContainerDelete', 'pre', [LOOK]],
    ['ContainerDelete', 'validate', [LOOK]],
  ])('where a hook refuses %s (%s), it is left alone', async (operation, phase, asked) => {
    await using scene = await refusing({ endpoints: { [operation]: { [phase]: ['policy'] } } })
    const answer = await scene.ask('POST', START)
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "policy": no start'])
    expect(scene.engine.requests.map(lineOf)).toEqual(asked)
    expect(scene.notes('unstarted-left')).toEqual([expect.objectContaining({ refused: true })])
    expect(scene.notes('unstarted-removed')).toEqual([])
  })

  test('an adapter that says no in words of its own is heard, too', async () => {
    await using scene = await refusing({
      adapters: { own: () => ({ ImmediateResponse: { Code: 404, Body: { message: 'what container?' } } }) },
      endpoints: { ContainerDelete: { pre: ['own'] } },
    })
    expect((await scene.ask('POST', START)).status).toBe(403)
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK])
    expect(scene.notes('unstarted-left')).toEqual([expect.objectContaining({ refused: true, container: ID })])
  })

  test('what a hook makes of the container’s inspect is what counts', async () => {
    await using scene = await refusing({
      adapters: {
        hides: () => ({
          ModifiedServerResponse: {
            Code: 200,
            Body: JSON.stringify({ Id: ID, State: {}, HostConfig: null }),
          },
        }),
      },
      endpoints: { ContainerInspect: { post: ['hides'] } },
    })
    await scene.ask('POST', START)
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK])
  })

  test('who looks on is told of the removal', async () => {
    await using scene = await refusing({
      adapters: { audit: ALLOWED },
      endpoints: { ContainerDelete: { observe: ['audit'] } },
    })
    await scene.ask('POST', START)
    expect((await scene.adapter('audit').called()).message).toMatchObject({
      Type: 'observe-hook',
      Operation: 'ContainerDelete',
      ServerResponse: { Code: 204 },
    })
  })
})

describe('a removal that fails', () => {
  /** A start that is refused, its answer, and what the log says of it from `warn` upwards. */
  const told = async (scene: TwoScene) => {
    const lines: Record<string, unknown>[] = []
    await using stage = await refusing({
      ...scene,
      tell: logTo('warn', { write: (line: string) => void lines.push(JSON.parse(line)) }),
    })
    const answer = await stage.ask('POST', START)
    expect([answer.status, messageOf(answer)]).toEqual([403, 'denied by adapter "policy": no start'])
    return lines
  }

  test('is told, with what to do by hand', async () => {
    const removal: EngineScript = (_seen, response) =>
      sendJson(response, 500, { message: 'the driver failed to remove the root file system' })
    expect(await told({ engine: withContainer({ removal }) })).toEqual([
      expect.objectContaining({
        level: 40,
        operation: 'ContainerStart',
        container: ID,
        listener: expect.any(String),
        engine: expect.stringMatching(/^unix:/),
        reason: expect.stringMatching(
          /^DELETE: the engine answered 500: .*failed to remove the root file system/,
        ),
        byHand: `docker rm --volumes ${ID}`,
        msg: expect.stringMatching(/remove it by hand$/),
      }),
    ])
  })

  test('is told where a hook fails, or the engine breaks off', async () => {
    const removal: EngineScript = (_seen, response) => void response.destroy()
    expect(await told({ engine: withContainer({ removal }) })).toEqual([
      expect.objectContaining({ reason: expect.stringContaining('closed the connection'), container: ID }),
    ])
    const fails = await told({
      adapters: { ill: () => ({ status: 500 }) },
      endpoints: { ContainerDelete: { pre: ['ill'] } },
    })
    expect(fails).toEqual([
      expect.objectContaining({ reason: expect.stringContaining('adapter "ill" failed'), container: ID }),
    ])
  })

  test('is told where the engine cannot be asked, by the name that the client uses', async () => {
    expect(await told({ engine: { kind: 'unix', path: '/nonexistent/docker.sock' } })).toEqual([
      expect.objectContaining({
        reason: expect.stringContaining(
          'the Docker Engine at unix:///nonexistent/docker.sock cannot be reached',
        ),
        container: 'web',
        byHand: 'docker rm --volumes web',
      }),
    ])
  })

  test('is told without a command where the client’s name for it is no name', async () => {
    const lines: Record<string, unknown>[] = []
    await using stage = await refusing({
      engine: (_seen, response) => sendJson(response, 500, { message: 'no' }),
      tell: logTo('warn', { write: (line: string) => void lines.push(JSON.parse(line)) }),
    })
    await stage.ask('POST', '/v1.45/containers/x;reboot/start')
    expect(lines).toEqual([expect.objectContaining({ container: 'x;reboot' })])
    expect(lines[0]).not.toHaveProperty('byHand')
  })

  test.each([404, 409])(
    'is nothing to tell where the engine answers %i: others were faster',
    async (status) => {
      const removal: EngineScript = (_seen, response) => send(response, status, 'application/json', '{}')
      expect(await told({ engine: withContainer({ removal }) })).toEqual([])
    },
  )

  test('does not keep the client: everything together has its time, and the engine is not waited for', async () => {
    using limits = holdLimits(5_000)
    await using scene = await refusing({
      engine: withContainer({ removal: () => undefined }),
      adapters: { policy: { does: DENIES, timeout: '4s' } },
      more: { chain: { deadline: '4s' } },
    })
    const asked = scene.ask('POST', START)
    await scene.engine.asked(2)
    limits.end(5_000)
    expect((await asked).status).toBe(403)
    expect(scene.notes('unstarted-left')).toEqual([
      expect.objectContaining({ refused: false, reason: 'DELETE: it was not done in time' }),
    ])
  })

  test('a hook that hangs does not keep it either', async () => {
    using limits = holdLimits(5_000)
    await using scene = await refusing({
      adapters: {
        hangs: { does: ({ type }) => (type === 'pre-hook' ? 'silence' : undefined), timeout: '1h' },
      },
      endpoints: { ContainerDelete: { pre: ['hangs'] } },
    })
    const asked = scene.ask('POST', START)
    await scene.adapter('hangs').called()
    limits.end(5_000)
    expect((await asked).status).toBe(403)
    expect(scene.engine.requests.map(lineOf)).toEqual([LOOK])
    expect(scene.notes('unstarted-left')).toEqual([
      expect.objectContaining({ refused: false, reason: 'DELETE: it was not done in time' }),
    ])
  })
})

/** The engine client over real sockets, with an engine that answers what the test says. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type EngineNews, engine, engineAt } from 'powerstrip/sdk'

interface Scripted extends AsyncDisposable {
  readonly unix: string
  readonly tcp: string
  /** Connections that are open now. */
  connections(): Promise<number>
  /** As an engine that is killed does. */
  cut(): void
}

async function scripted(answer: RequestListener): Promise<Scripted> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const servers = [createServer(answer), createServer(answer)] as const
  servers[0].listen(join(folder, 'docker.sock'))
  servers[1].listen(0, '127.0.0.1')
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const open = servers.map(
    (server) => () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count))),
  )
  return {
    unix: `unix://${folder}/docker.sock`,
    tcp: `tcp://127.0.0.1:${(servers[1].address() as AddressInfo).port}`,
    connections: async () => (await open[0]!()) + (await open[1]!()),
    cut: () => {
      for (const server of servers) server.closeAllConnections()
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
      await rm(folder, { recursive: true })
    },
  }
}

function answering(status: number, body: string, type = 'application/json'): RequestListener {
  return (_, response) => response.writeHead(status, { 'content-type': type }).end(body)
}

async function noneLeft(far: Scripted): Promise<void> {
  // The far end hears of it in its own time.
  while ((await far.connections()) > 0) await new Promise((resolve) => setImmediate(resolve))
}

describe('a call', () => {
  test.each(['unix', 'tcp'] as const)(
    'over %s says what it is told to, and reads without loss',
    async (via) => {
      const heard: unknown[] = []
      await using far = await scripted(async (request, response) => {
        const { method, url, headers } = request
        heard.push({ method, url, type: headers['content-type'], body: await text(request) })
        answering(201, '{"Id":"x","Size":9007199254740993}')(request, response)
      })
      const answer = await engineAt(far[via]).json('POST', '/containers/create', {
        query: { name: 'a b', size: true, limit: 3, filters: { label: ['x=y'] }, no: undefined },
        body: { Memory: 9007199254740993n },
      })
      expect(answer).toEqual({ ok: true, value: { status: 201, body: { Id: 'x', Size: 9007199254740993n } } })
      expect(heard).toEqual([
        {
          method: 'POST',
          url: '/containers/create?name=a+b&size=true&limit=3&filters=%7B%22label%22%3A%5B%22x%3Dy%22%5D%7D',
          type: 'application/json',
          body: '{"Memory":9007199254740993}',
        },
      ])
      await noneLeft(far)
    },
  )

  test.each([
    ['nothing', 204, '', 'application/json', null],
    ['no change', 304, '', 'application/json', null],
    ['text', 200, 'OK', 'text/plain; charset=utf-8', 'OK'],
  ])('gives %s as it is', async (_what, status, body, type, value) => {
    await using far = await scripted(answering(status, body, type))
    expect(await engineAt(far.unix).json('GET', '/x')).toEqual({ ok: true, value: { status, body: value } })
  })

  test.each([
    ['in JSON', 409, '{"message":"name in use"}', 'application/json', 'name in use'],
    ['in text', 500, 'on fire\n', 'text/plain', 'on fire'],
    ['in no words', 503, '', 'text/plain', 'the engine answered GET /x with 503'],
    ['in broken JSON', 500, '{"mess', 'application/json', '{"mess'],
  ])('that the engine refuses %s is a failure with its words', async (_what, status, body, type, message) => {
    await using far = await scripted(answering(status, body, type))
    expect(await engineAt(far.unix).json('GET', '/x')).toEqual({
      ok: false,
      failure: { kind: 'refused', status, message },
    })
  })

  test('that is answered with broken JSON is a failure', async () => {
    await using far = await scripted(answering(200, '{"Id"'))
    expect(await engineAt(far.unix).json('GET', '/x')).toMatchObject({
      ok: false,
      failure: {
        kind: 'bad-answer',
        message: expect.stringMatching(/^the engine answered GET \/x with JSON/),
      },
    })
  })

  test.each([
    [
      'is not there',
      'unix:///nowhere.sock',
      'the engine at unix:///nowhere.sock cannot be asked (no such socket)',
    ],
    [
      'listens nowhere',
      'tcp://127.0.0.1:1',
      'the engine at tcp://127.0.0.1:1 cannot be asked (connection refused)',
    ],
  ])('to an engine that %s is a failure', async (_what, address, message) => {
    expect(await engineAt(address).json('GET', '/_ping')).toEqual({
      ok: false,
      failure: { kind: 'unreachable', message },
    })
  })

  test('to an engine that dies within its answer is a failure', async () => {
    await using far = await scripted((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy())
    })
    expect(await engineAt(far.unix).json('GET', '/x')).toMatchObject({
      ok: false,
      failure: { kind: 'unreachable' },
    })
  })

  test('ends with its deadline, and its connection with it', async () => {
    await using far = await scripted(() => {})
    expect(await engineAt(far.unix).json('GET', '/x', { deadlineMs: 20 })).toEqual({
      ok: false,
      failure: { kind: 'deadline', message: 'the engine did not answer GET /x in 20 ms' },
    })
    await noneLeft(far)
  })

  test('ends when it is called off, before its head, within its body, or before it began', async () => {
    const leave = new AbortController()
    await using far = await scripted((request, response) => {
      if (request.url === '/body') response.writeHead(200).write('half')
      if (request.url === '/body') setImmediate(() => leave.abort())
    })
    const { json } = engineAt(far.unix)
    const calledOff = (path: string) => ({
      ok: false,
      failure: { kind: 'aborted', message: `GET ${path} was called off` },
    })
    const head = json('GET', '/head', { signal: leave.signal })
    expect(await json('GET', '/body', { signal: leave.signal })).toEqual(calledOff('/body'))
    expect(await head).toEqual(calledOff('/head'))
    expect(await json('GET', '/late', { signal: leave.signal })).toEqual(calledOff('/late'))
    await noneLeft(far)
  })
})

describe('events', () => {
  const EVENT = {
    Type: 'container',
    Action: 'die',
    Actor: { ID: 'abc', Attributes: { name: 'web', exitCode: '0' } },
    timeNano: 1700000000000000001n,
  }
  const LINE = `${JSON.stringify({ ...EVENT, timeNano: 0 }).replace(':0}', ':1700000000000000001}')}\n`
  const SHOWN: EngineNews = {
    kind: 'event',
    type: 'container',
    action: 'die',
    id: 'abc',
    attributes: { name: 'web', exitCode: '0' },
    raw: EVENT,
  }

  /** Gives each connection for events to the test, as a function that writes. */
  function eventful(serve: (write: (text: string) => void, number: number) => void): RequestListener {
    let number = 0
    return (request, response) => {
      if (request.url === '/info') return response.end('{}')
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
      return serve((line) => response.write(line), ++number)
    }
  }

  test('are told one by one, wherever their bytes are parted', async () => {
    await using far = await scripted(
      eventful((write) => {
        write(LINE.slice(0, 30))
        setImmediate(() => {
          write(LINE.slice(30) + LINE.slice(0, 5))
          setImmediate(() => write(LINE.slice(5)))
        })
      }),
    )
    const seen: EngineNews[] = []
    for await (const news of engineAt(far.unix).events(
      { type: ['container'] },
      new AbortController().signal,
    )) {
      seen.push(news)
      if (seen.length === 3) break
    }
    expect(seen).toEqual([{ kind: 'connected' }, SHOWN, SHOWN])
    await noneLeft(far)
  })

  test('are asked for with their filters, and from a moment of the engine’s own clock before the head of its answer', async () => {
    let asked: URL | undefined
    await using far = await scripted((request, response) => {
      if (request.url === '/info') return response.end('{"SystemTime":"2015-01-02T05:04:05.0607+02:00"}')
      asked = new URL(`http://docker${request.url}`)
      return response.writeHead(200).flushHeaders()
    })
    const filters = { type: ['container'], event: ['die', 'start'] }
    for await (const _ of engineAt(far.unix).events(filters, new AbortController().signal)) break
    expect(asked?.searchParams.get('since')).toBe(`${Date.UTC(2015, 0, 2, 3, 4, 5) / 1000}.060700000`)
    expect(JSON.parse(asked?.searchParams.get('filters') ?? '')).toEqual(filters)
  })

  test('go on after the engine was gone, which is said', async () => {
    await using far = await scripted(
      eventful((write, number) => {
        if (number === 2) write(LINE)
        else setImmediate(() => far.cut())
      }),
    )
    const seen: EngineNews[] = []
    for await (const news of engineAt(far.unix).events({}, new AbortController().signal)) {
      seen.push(news)
      if (news.kind === 'event') break
    }
    expect(seen).toEqual([
      { kind: 'connected' },
      {
        kind: 'lost',
        message: expect.stringContaining(`the engine at ${far.unix} cannot be asked for events (`),
        retryInMs: 100,
      },
      { kind: 'connected' },
      SHOWN,
    ])
  })

  test('are waited for ever longer while nobody answers', async () => {
    const retries: number[] = []
    for await (const news of engineAt('unix:///nowhere.sock').events({}, new AbortController().signal)) {
      if (news.kind === 'lost') retries.push(news.retryInMs)
      if (retries.length === 3) break
    }
    expect(retries).toEqual([100, 200, 400])
  })

  test('end without a word when they are called off, listening or waiting', async () => {
    const leave = new AbortController()
    await using far = await scripted(eventful(() => {}))
    for await (const news of engineAt(far.unix).events({}, leave.signal)) {
      expect(news.kind).toBe('connected')
      setImmediate(() => leave.abort())
    }
    await noneLeft(far)
    const wait = new AbortController()
    for await (const news of engineAt('unix:///nowhere.sock').events({}, wait.signal)) {
      expect(news.kind).toBe('lost')
      wait.abort()
    }
  })

  test('that an engine refuses are asked for again, and its status is told', async () => {
    await using far = await scripted(answering(500, '{"message":"no"}'))
    for await (const news of engineAt(far.unix).events({}, new AbortController().signal)) {
      expect(news).toMatchObject({ kind: 'lost', message: expect.stringContaining('(it answered 500)') })
      break
    }
    await noneLeft(far)
  })
})

describe('the address', () => {
  test.each(['ssh://host', 'unix://relative', 'tcp://host', 'tcp://host:99999', 'http://host:1/path', ''])(
    '%j is none',
    (address) => {
      expect(() => engineAt(address)).toThrow(/is no address of an engine; write unix:/)
    },
  )

  test('is an option, and otherwise what clients use', () => {
    const before = process.env.DOCKER_HOST
    try {
      process.env.DOCKER_HOST = 'tcp://127.0.0.1:2375'
      expect(engine()('unix:///e').address).toBe('unix:///e')
      expect(engine()(undefined).address).toBe('tcp://127.0.0.1:2375')
      delete process.env.DOCKER_HOST
      expect(engine()(undefined).address).toBe('unix:///var/run/docker.sock')
      expect(() => engine()(7)).toThrow('is text')
    } finally {
      if (before === undefined) delete process.env.DOCKER_HOST
      else process.env.DOCKER_HOST = before
    }
  })
})

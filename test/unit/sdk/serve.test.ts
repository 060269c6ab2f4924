import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { link as hardLink, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type AdapterDefinition, defineAdapter, type Served, serve } from 'powerstrip/sdk'

const silent = { info() {}, warn() {}, error() {} }

const label = defineAdapter({
  name: 'label',
  version: '1.2.3',
  pre: {
    ContainerCreate({ body, deny }) {
      if (body.Image === 'bad') return deny('bad image', { code: 409 })
      if (body.Image === 'broken') throw Object.assign(new Error('out of luck'), { statusCode: 404 })
      body.Labels = { team: 'infra' }
      return
    },
  },
  post: {
    ContainerCreate: (ctx) => {
      ctx.response.code = 200
    },
  },
})

let served: Served
beforeAll(async () => {
  served = await serve(label, { listen: 'http://127.0.0.1:0', log: silent })
})
afterAll(() => served.close())

const CALL = {
  PowerstripProtocolVersion: 1,
  Type: 'pre-hook',
  ClientRequest: { Method: 'POST', Request: '/v1.45/containers/create?name=a', Body: '{"Image":"x"}' },
}

function post(body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  return fetch(`${served.address}/adapter`, { method: 'POST', body, headers })
}

function withBody(Body: string | null) {
  return post(JSON.stringify({ ...CALL, ClientRequest: { ...CALL.ClientRequest, Body } }))
}

describe('a served adapter', () => {
  test('answers a pre-hook with what it changed, with a length and on any path', async () => {
    const reply = await post(JSON.stringify(CALL))
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
    expect(Number(reply.headers.get('content-length'))).toBeGreaterThan(0)
    expect(await reply.json()).toEqual({
      PowerstripProtocolVersion: 1,
      ModifiedClientRequest: { ...CALL.ClientRequest, Body: '{"Image":"x","Labels":{"team":"infra"}}' },
    })
  })

  test('answers a post-hook', async () => {
    const ServerResponse = { ContentType: 'application/json', Body: '{"Id":"a"}', Code: 201 }
    const reply = await post(JSON.stringify({ ...CALL, Type: 'post-hook', ServerResponse }))
    expect(await reply.json()).toEqual({
      PowerstripProtocolVersion: 1,
      ModifiedServerResponse: { ...ServerResponse, Code: 200 },
    })
  })

  test('denies with the status of the denial and its message', async () => {
    const reply = await withBody('{"Image":"bad"}')
    expect([reply.status, await reply.json()]).toEqual([409, { message: 'bad image' }])
  })

  test('fails with 500 on a throw, whatever status the error carries', async () => {
    const reply = await withBody('{"Image":"broken"}')
    expect([reply.status, await reply.json()]).toEqual([500, { message: 'out of luck' }])
  })

  test.each([
    ['text that is no JSON', 'hello'],
    ['no Type', JSON.stringify({ ...CALL, Type: undefined })],
    ['a list', '[]'],
    ['an empty body', ''],
  ])('answers 400 to %s, and lives on', async (_what, body) => {
    const reply = await post(body)
    expect(reply.status).toBe(400)
    expect(await reply.json()).toEqual({ message: expect.any(String) })
    expect((await post(JSON.stringify(CALL))).status).toBe(200)
  })

  test.each([{ 'content-type': 'text/plain' }, { 'content-type': 'application/vnd.docker+json; a=b' }, {}])(
    'takes a call of the type %j',
    async (headers) => {
      // Bytes, so that fetch adds no type of its own.
      const body = new TextEncoder().encode(JSON.stringify(CALL))
      const reply = await fetch(served.address, {
        method: 'POST',
        body,
        headers: headers as Record<string, string>,
      })
      expect(reply.status).toBe(200)
    },
  )

  test('takes a call with a large body, and refuses one beyond its limit', async () => {
    expect((await withBody(JSON.stringify({ Image: 'x', Pad: 'y'.repeat(20_000_000) }))).status).toBe(200)
    const reply = await withBody('z'.repeat(65 * 1024 * 1024))
    expect(reply.status).toBe(413)
  })

  test('answers many calls over one connection, in turn', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let connections = 0
    for (let round = 0; round < 5; round += 1) {
      const call = httpRequest(served.address, { method: 'POST', agent })
      call.end(JSON.stringify(CALL))
      const [reply] = (await once(call, 'response')) as [IncomingMessage]
      await text(reply)
      if (!call.reusedSocket) connections += 1
      expect(reply.statusCode).toBe(200)
    }
    agent.destroy()
    expect(connections).toBe(1)
  })

  test('says that it is well', async () => {
    const reply = await fetch(`${served.address}/healthz`)
    expect([reply.status, await reply.json()]).toEqual([200, { name: 'label', version: '1.2.3' }])
  })
})

describe('draining', () => {
  /** Answers when it is told to. */
  function gate(): { readonly slow: AdapterDefinition; readonly entered: Promise<void>; open(): void } {
    let enter = () => {}
    let open = () => {}
    const entered = new Promise<void>((resolve) => {
      enter = resolve
    })
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const wait = async () => {
      enter()
      await opened
    }
    return { slow: defineAdapter({ name: 'slow', pre: { '*': wait } }), entered, open }
  }

  test('lets a running call end, closes idle connections, and accepts no more', async () => {
    const { slow, entered, open } = gate()
    const own = await serve(slow, { listen: 'http://127.0.0.1:0', log: silent })
    const agent = new Agent({ keepAlive: true })
    const idle = httpRequest(`${own.address}/healthz`, { agent }).end()
    await text(((await once(idle, 'response')) as [IncomingMessage])[0])
    const call = httpRequest(own.address, { method: 'POST', agent: new Agent({ keepAlive: true }) })
    call.end(JSON.stringify(CALL))
    await entered

    const closed = own.close()
    open()
    const [reply] = (await once(call, 'response')) as [IncomingMessage]
    expect(reply.statusCode).toBe(200)
    await text(reply)
    await closed
    await expect(fetch(own.address)).rejects.toThrow()
    agent.destroy()
  })

  test('a caller that leaves aborts its call', async () => {
    let aborted = () => {}
    const seen = new Promise<void>((resolve) => {
      aborted = resolve
    })
    let enter = () => {}
    const entered = new Promise<void>((resolve) => {
      enter = resolve
    })
    const waits = defineAdapter({
      name: 'waits',
      pre: {
        '*': async ({ signal }) => {
          enter()
          await once(signal, 'abort')
          aborted()
        },
      },
    })
    const own = await serve(waits, { listen: 'http://127.0.0.1:0', log: silent })
    const call = httpRequest(own.address, { method: 'POST' }).on('error', () => {})
    call.end(JSON.stringify(CALL))
    await entered
    call.destroy()
    await seen
    await own.close()
  })
})

describe('a unix socket', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sdk-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  async function health(path: string): Promise<number | undefined> {
    const call = httpRequest({ socketPath: path, path: '/healthz', agent: false }).end()
    const [reply] = (await once(call, 'response')) as [IncomingMessage]
    await text(reply)
    return reply.statusCode
  }

  test('is served and removed', async () => {
    const path = join(dir, 'a.sock')
    const own = await serve(label, { listen: `unix://${path}` })
    expect(own.address).toBe(`unix://${path}`)
    expect(await health(path)).toBe(200)
    await own.close()
    expect(existsSync(path)).toBe(false)
  })

  test('of a process that was killed is taken over, of a living one not', async () => {
    const path = join(dir, 'a.sock')
    const dead = createServer().listen(path)
    await once(dead, 'listening')
    await expect(serve(label, { listen: `unix://${path}` })).rejects.toThrow('EADDRINUSE')
    // Closing removes the path it was opened under; the second name is left as by a kill.
    const link = join(dir, 'b.sock')
    await hardLink(path, link)
    dead.close()
    await once(dead, 'close')
    const own = await serve(label, { listen: `unix://${link}` })
    expect(await health(link)).toBe(200)
    await own.close()
  })
})

describe('an address', () => {
  test.each([
    '127.0.0.1:4000',
    'tcp://127.0.0.1:1',
    'http://127.0.0.1',
    'unix://rel.sock',
    'http://h:70000',
    'https://h:1',
    'http://h:1/x',
  ])('%s is refused with what to write', async (listen) => {
    await expect(serve(label, { listen })).rejects.toThrow('write http://127.0.0.1:4000 or unix:///')
  })
})

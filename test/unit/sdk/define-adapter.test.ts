import { defineAdapter, type Json, type JsonObject, type PreSpec } from 'powerstrip/sdk'
import type { HookRequest, HookResponse } from '../../../src/model/hook.ts'

const CREATE = '/v1.45/containers/create?name=web'
const never = new AbortController().signal

async function pre(functions: PreSpec<unknown>, body: string | null, target = CREATE, method = 'POST') {
  const request: HookRequest = { method, target, body }
  return defineAdapter({ name: 'test', pre: functions }).create().pre(request, never)
}

describe('a pre-handler', () => {
  test('that does nothing lets the request pass', async () => {
    expect(await pre({ ContainerCreate() {} }, '{"Image":"x"}')).toEqual({ kind: 'pass' })
  })

  test('that only reads lets the request pass, however it is spelled', async () => {
    let image: string | undefined
    const end = await pre(
      {
        ContainerCreate: ({ body }) => {
          image = body.Image
        },
      },
      ' { "Image" : "\\u0078" }\n',
    )
    expect(image).toBe('x')
    expect(end).toEqual({ kind: 'pass' })
  })

  test('that changes the draft in place has what it changed sent on, and nothing else touched', async () => {
    const body = '{"Zeta":1,"Image":"x","HostConfig":{"Memory":9223372036854775807,"New":[1.5,null]}}'
    const end = await pre(
      {
        ContainerCreate({ body }) {
          body.Labels = { ...body.Labels, team: 'infra' }
        },
      },
      body,
    )
    expect(end).toEqual({ kind: 'replace', body: `${body.slice(0, -1)},"Labels":{"team":"infra"}}` })
  })

  test('sees a large integer as a bigint', async () => {
    let memory: unknown
    await pre(
      {
        ContainerCreate: ({ body }) => {
          memory = body.HostConfig?.Memory
        },
      },
      '{"HostConfig":{"Memory":9007199254740993}}',
    )
    expect(memory).toBe(9007199254740993n)
  })

  test('may replace the body as a whole, unread', async () => {
    const end = await pre(
      {
        ContainerCreate: (ctx) => {
          ctx.body = { Image: 'y' }
        },
      },
      'no JSON at all',
    )
    expect(end).toEqual({ kind: 'replace', body: '{"Image":"y"}' })
  })

  test('that takes a change back has changed nothing', async () => {
    const end = await pre(
      {
        ContainerCreate({ body }) {
          body.User = 'nobody'
          delete body.User
        },
      },
      '{"Image":"x"}',
    )
    expect(end).toEqual({ kind: 'pass' })
  })

  test('gets an empty object where the operation takes one and nothing was sent, and may fill it', async () => {
    expect(await pre({ ContainerCreate: ({ body }) => void body.HostConfig }, null)).toEqual({ kind: 'pass' })
    const end = await pre(
      {
        ContainerCreate: ({ body }) => {
          body.Image = 'x'
        },
      },
      null,
    )
    expect(end).toEqual({ kind: 'replace', body: '{"Image":"x"}' })
  })

  test('gets null where there is no body to take', async () => {
    const seen: Json[] = []
    await pre({ ContainerList: ({ body }) => void seen.push(body) }, null, '/containers/json', 'GET')
    expect(seen).toEqual([null])
  })

  test('does not share its draft with the next adapter', async () => {
    const body = '{"HostConfig":{"Binds":["/a:/a"]}}'
    const spoil = defineAdapter({
      name: 'spoil',
      pre: { ContainerCreate: ({ body }) => void body.HostConfig?.Binds?.push('/b:/b') },
    }).create()
    const request = { method: 'POST', target: CREATE, body }
    const both = [await spoil.pre(request, never), await spoil.pre(request, never)]
    expect(both[1]).toEqual(both[0])
    expect(both[1]).toEqual({ kind: 'replace', body: '{"HostConfig":{"Binds":["/a:/a","/b:/b"]}}' })
  })

  test('changes the query by its draft; the path and other pairs stay as they are', async () => {
    const end = await pre(
      { ContainerCreate: ({ query }) => query.set('name', 'web2') },
      null,
      '/v1.45/containers/%63reate?x=%7e&name=web',
    )
    expect(end).toEqual({ kind: 'replace', target: '/v1.45/containers/%63reate?x=%7e&name=web2' })
  })

  test('can add a query and take it away', async () => {
    expect(await pre({ '*': ({ query }) => query.set('all', '1') }, null, '/containers/json', 'GET')).toEqual(
      {
        kind: 'replace',
        target: '/containers/json?all=1',
      },
    )
    expect(
      await pre({ '*': ({ query }) => query.delete('all') }, null, '/containers/json?all=1', 'GET'),
    ).toEqual({
      kind: 'replace',
      target: '/containers/json',
    })
  })

  test('refuses with deny, whatever it changed before', async () => {
    const end = await pre(
      {
        ContainerCreate({ body, deny }) {
          body.Image = 'other'
          return deny('not here', { code: 409 })
        },
      },
      '{}',
    )
    expect(end).toEqual({ kind: 'deny', status: 409, message: 'not here' })
  })

  test.each([200, 399, 600, 403.5])('cannot refuse with %d', async (code) => {
    await expect(pre({ '*': ({ deny }) => deny('no', { code }) }, null)).rejects.toThrow(RangeError)
  })

  test('that throws, or returns what means nothing, has failed', async () => {
    const oops = () => {
      throw new Error('oops')
    }
    await expect(pre({ ContainerCreate: oops }, '{}')).rejects.toThrow('oops')
    const returnsFalse = (() => false) as unknown as () => undefined
    await expect(pre({ ContainerCreate: returnsFalse }, '{}')).rejects.toThrow(TypeError)
  })

  test('that looks at a body which is no JSON has failed', async () => {
    await expect(pre({ '*': ({ body }) => void body }, 'a=b')).rejects.toThrow(SyntaxError)
  })

  test('that makes the body something JSON cannot hold has failed', async () => {
    const lose = (ctx: { body: unknown }) => {
      ctx.body = undefined
    }
    await expect(pre({ ContainerCreate: lose }, '{}')).rejects.toThrow('a body is a JSON value')
  })
})

describe('which handler runs', () => {
  const which = (names: readonly ('ContainerCreate' | 'ContainerStart' | '*')[]) => {
    const ran: string[] = []
    const functions = Object.fromEntries(
      names.map((name) => [
        name,
        ({ operation }: { operation: string }) => void ran.push(`${name}: ${operation}`),
      ]),
    )
    return { ran, functions: functions as PreSpec<unknown> }
  }

  test.each([
    ['/containers/create', 'ContainerCreate: ContainerCreate'],
    ['/v1.16/containers/create', 'ContainerCreate: ContainerCreate'],
    ['/containers/%63reate', 'ContainerCreate: ContainerCreate'],
    ['/v1.45/containers/web/start', '*: ContainerStart'],
    ['/towel', '*: unknown'],
  ])('for POST %s: %s', async (target, ran) => {
    const spy = which(['ContainerCreate', '*'])
    await pre(spy.functions, null, target)
    expect(spy.ran).toEqual([ran])
  })

  test('none, if no key fits', async () => {
    const spy = which(['ContainerStart'])
    expect(await pre(spy.functions, null)).toEqual({ kind: 'pass' })
    expect(spy.ran).toEqual([])
  })

  test.each([
    '/containers//create',
    '/v01.45/containers/create',
    '/containers/create?a=%',
    'http://x/containers/create',
  ])('none for %s: nobody can say what it is, so it is not let pass', async (target) => {
    await expect(pre({ ContainerStart() {} }, null, target)).rejects.toThrow('cannot be judged')
  })
})

describe('the context', () => {
  test('tells what the call is about', async () => {
    let seen: unknown
    const adapter = defineAdapter({
      name: 'test',
      config: (value) => ({ owner: String((value as { owner: string }).owner) }),
      pre: {
        ContainerRename: ({ method, target, params, apiVersion, operation, config, query, text }) => {
          seen = { method, target, params, apiVersion, operation, config, name: query.get('name'), text }
        },
      },
    })
    const target = '/v1.41/containers/a%20b/rename?name=c'
    await adapter.create({ owner: 'infra' }).pre({ method: 'POST', target, body: null }, never)
    expect(seen).toEqual({
      method: 'POST',
      target,
      params: { id: 'a b' },
      apiVersion: '1.41',
      operation: 'ContainerRename',
      config: { owner: 'infra' },
      name: 'c',
      text: null,
    })
  })

  test('passes the signal and the log on', async () => {
    const lines: string[] = []
    const note = (message: unknown) => void lines.push(String(message))
    const log = { info: note, warn: note, error: note }
    const stop = new AbortController()
    let aborted: boolean | undefined
    const adapter = defineAdapter({
      name: 'test',
      pre: {
        '*': ({ log, signal }) => {
          log.info('seen')
          stop.abort()
          aborted = signal.aborted
        },
      },
    }).create({}, { log })
    await adapter.pre({ method: 'GET', target: '/info', body: null }, stop.signal)
    expect({ lines, aborted }).toEqual({ lines: ['seen'], aborted: true })
  })

  test('is made of a configuration that the adapter accepts, or not at all', () => {
    const picky = defineAdapter({
      name: 'picky',
      config: () => {
        throw new Error('no owner')
      },
    })
    expect(() => picky.create({})).toThrow('no owner')
  })
})

describe('a post-handler', () => {
  const request: HookRequest = { method: 'POST', target: CREATE, body: '{"Image":"x"}' }
  const response: HookResponse = {
    status: 201,
    contentType: 'application/json',
    body: '{"Id":"abc","Warnings":[]}',
  }

  test('sees request and response, and changes nothing by looking', async () => {
    let seen: unknown
    const adapter = defineAdapter({
      name: 'test',
      post: {
        ContainerCreate({ request, response, body, text, query }) {
          seen = [
            request.body.Image,
            request.text,
            response.code,
            response.contentType,
            body.Id,
            text,
            query.get('name'),
          ]
        },
      },
    }).create()
    expect(await adapter.post(request, response, never)).toEqual({ kind: 'pass' })
    expect(seen).toEqual(['x', request.body, 201, 'application/json', 'abc', response.body, 'web'])
  })

  test('changes code, type and body; what it does to the request goes nowhere', async () => {
    const adapter = defineAdapter({
      name: 'test',
      post: {
        ContainerCreate({ request, response }) {
          request.body.Image = 'y'
          response.code = 200
          response.contentType = 'application/json; charset=utf-8'
          response.body.Warnings?.push('seen')
        },
      },
    }).create()
    expect(await adapter.post(request, response, never)).toEqual({
      kind: 'replace',
      status: 200,
      contentType: 'application/json; charset=utf-8',
      body: '{"Id":"abc","Warnings":["seen"]}',
    })
  })

  test('names only what is different', async () => {
    const adapter = defineAdapter({
      name: 'test',
      post: {
        '*': (ctx) => {
          ctx.response.code = 200
        },
      },
    }).create()
    expect(await adapter.post(request, response, never)).toEqual({ kind: 'replace', status: 200 })
  })

  test('filters a list through ctx.body', async () => {
    const adapter = defineAdapter({
      name: 'test',
      post: {
        ContainerList: (ctx) => {
          ctx.body = (ctx.body as JsonObject[]).filter(({ Image }) => Image === 'mine')
        },
      },
    }).create()
    const list = { ...response, status: 200, body: '[{"Image":"mine"},{"Image":"other"}]' }
    const end = await adapter.post({ method: 'GET', target: '/containers/json', body: null }, list, never)
    expect(end).toEqual({ kind: 'replace', body: '[{"Image":"mine"}]' })
  })

  test('finds null where the answer is empty, and leaves it so', async () => {
    const bodies: Json[] = []
    const adapter = defineAdapter({
      name: 'test',
      post: { '*': ({ body }) => void bodies.push(body) },
    }).create()
    const empty = { status: 204, contentType: null, body: '' }
    expect(await adapter.post(request, empty, never)).toEqual({ kind: 'pass' })
    expect(bodies).toEqual([null])
  })

  test.each([199, 600, 200.5])('cannot answer with %d', async (code) => {
    const adapter = defineAdapter({
      name: 'test',
      post: {
        '*': (ctx) => {
          ctx.response.code = code
        },
      },
    }).create()
    await expect(async () => adapter.post(request, response, never)).rejects.toThrow(RangeError)
  })

  test('refuses with deny', async () => {
    const adapter = defineAdapter({ name: 'test', post: { '*': ({ deny }) => deny('too late') } }).create()
    expect(await adapter.post(request, response, never)).toEqual({
      kind: 'deny',
      status: 403,
      message: 'too late',
    })
  })
})

import { serveForTest } from '../../test/support/hook-calls.ts'
import debug from './adapter.ts'

const CREATE = '/v1.45/containers/create?name=web'

describe('debug, in short lines', () => {
  test('says what is asked for and what was answered, and changes nothing', async () => {
    await using adapter = await serveForTest(debug)
    const body = { Image: 'busybox', Cmd: ['sh'] }
    const pre = await adapter.pre(CREATE, body)
    const post = await adapter.post(CREATE, body, { code: 201, body: { Id: 'abc' } })
    expect(pre.modified).toEqual({ Method: 'POST', Request: CREATE, Body: body })
    expect(post.modified).toEqual({ ContentType: 'application/json', Code: 201, Body: { Id: 'abc' } })
    expect(adapter.log).toEqual([
      `pre   POST ${CREATE}  ContainerCreate  {"Image":"busybox","Cmd":["sh"]}`,
      `post  POST ${CREATE}  ContainerCreate  201  {"Id":"abc"}`,
    ])
  })

  test('cuts what is long and says how long it was', async () => {
    await using adapter = await serveForTest(debug)
    await adapter.pre(CREATE, { Image: 'x'.repeat(5000) })
    expect(adapter.log[0]).toHaveLength(
      `pre   POST ${CREATE}  ContainerCreate  `.length + 200 + '… (5012 bytes)'.length,
    )
    expect(adapter.log[0]).toMatch(/xxx… \(5012 bytes\)$/)
  })

  test('lives through bodies that are no JSON, none, and unknown operations', async () => {
    await using adapter = await serveForTest(debug)
    expect((await adapter.pre('/towel', 'a=b')).status).toBe(200)
    expect((await adapter.pre('/info', undefined, 'GET')).status).toBe(200)
    expect(
      (
        await adapter.post('/images/create', undefined, {
          code: 200,
          body: '{"status":"1"}\r\n{"status":"2"}\r\n',
        })
      ).status,
    ).toBe(200)
    expect(adapter.log).toEqual([
      'pre   POST /towel  unknown  "(3 bytes that are not JSON)"',
      'pre   GET /info  SystemInfo',
      'post  POST /images/create  ImageCreate  200  [{"status":"1"},{"status":"2"}]',
    ])
  })

  test('writes no control characters of a caller to a terminal', async () => {
    await using adapter = await serveForTest(debug)
    await adapter.pre('/towel', '\u001b[2J"')
    await adapter.pre('/towel', JSON.stringify({ Image: '\u001b[2J' }))
    expect(adapter.log.join('')).not.toContain('\u001b')
  })
})

describe('what debug does not show', () => {
  const shown = async (target: string, body: unknown, method = 'POST') => {
    await using adapter = await serveForTest(debug, { full: true })
    await adapter.pre(target, body, method)
    return JSON.parse(adapter.log[0]!) as { readonly target: string; readonly body: unknown }
  }

  test('values of environment variables', async () => {
    const { body } = await shown(CREATE, { Env: ['TOKEN=s3cret', 'EMPTY=', 'NAMEONLY'], Image: 'x' })
    expect(body).toEqual({ Env: ['TOKEN=***', 'EMPTY=***', 'NAMEONLY'], Image: 'x' })
  })

  test('values of environment variables in answers, however deep', async () => {
    await using adapter = await serveForTest(debug, { full: true })
    await adapter.post('/containers/a/json', undefined, {
      code: 200,
      body: { Config: { Env: ['A=s3cret'] } },
    })
    expect(adapter.log[0]).not.toContain('s3cret')
    expect(adapter.log[0]).toContain('A=***')
  })

  test('registry credentials', async () => {
    const { body } = await shown('/auth', {
      username: 'alice',
      password: 's3cret',
      serveraddress: 'r.example',
    })
    expect(body).toEqual({ username: 'alice', password: '***', serveraddress: 'r.example' })
    const nested = await shown('/x', {
      AuthConfig: { Password: 's3cret' },
      IdentityToken: 's3cret',
      auth: 's3cret',
    })
    expect(nested.body).toEqual({ AuthConfig: '***', IdentityToken: '***', auth: '***' })
  })

  test('the data of secrets and configs, swarm tokens and keys', async () => {
    expect((await shown('/secrets/create', { Name: 'a', Data: 'czNjcmV0' })).body).toEqual({
      Name: 'a',
      Data: '***',
    })
    expect((await shown('/configs/create', { Name: 'a', Data: 'czNjcmV0' })).body).toEqual({
      Name: 'a',
      Data: '***',
    })
    expect((await shown('/swarm/join', { JoinToken: 'SWMTKN', RemoteAddrs: ['m'] })).body).toEqual({
      JoinToken: '***',
      RemoteAddrs: ['m'],
    })
    expect((await shown('/swarm/unlock', { UnlockKey: 'SWMKEY' })).body).toEqual({ UnlockKey: '***' })
  })

  test('build arguments and passwords in URLs', async () => {
    const built = await shown('/build?t=a&buildargs=%7B%22T%22%3A%22s3cret%22%7D&q=1', undefined)
    expect(built.target).toBe('/build?t=a&buildargs=***&q=1')
    expect((await shown('/x', { proxy: 'https://bob:s3cret@proxy.example/' })).body).toEqual({
      proxy: 'https://bob:***@proxy.example/',
    })
  })
})

describe('debug, in full', () => {
  test('writes whole messages as JSON, integers exact', async () => {
    await using adapter = await serveForTest(debug, { full: true })
    await adapter.pre(CREATE, '{"Memory":9223372036854775807}')
    await adapter.post(CREATE, '{"Image":"x"}', { code: 404, body: { message: 'No such image' } })
    expect(adapter.log[0]).toContain('"body":{"Memory":9223372036854775807}')
    expect(JSON.parse(adapter.log[1]!)).toEqual({
      hook: 'post',
      method: 'POST',
      target: CREATE,
      operation: 'ContainerCreate',
      apiVersion: '1.45',
      params: {},
      body: { Image: 'x' },
      response: { code: 404, contentType: 'application/json', body: { message: 'No such image' } },
    })
  })
})

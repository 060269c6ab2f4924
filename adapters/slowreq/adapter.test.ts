import { once } from 'node:events'
import { serveForTest } from '../../test/support/hook-calls.ts'
import slowreq from './adapter.ts'

const CREATE = '/v1.45/containers/create'

describe('slowreq', () => {
  test('holds a request and an answer back for the delay, and changes nothing', async () => {
    await using adapter = await serveForTest(slowreq, { delay: '150ms' })
    const begun = performance.now()
    const pre = await adapter.pre(CREATE, { Image: 'x' })
    const between = performance.now()
    const post = await adapter.post(CREATE, { Image: 'x' }, { code: 201, body: { Id: 'a' } })
    // A timer may fire a millisecond early by this clock.
    expect(between - begun).toBeGreaterThan(148)
    expect(performance.now() - between).toBeGreaterThan(148)
    expect(pre.modified).toEqual({ Method: 'POST', Request: CREATE, Body: { Image: 'x' } })
    expect(post.modified).toEqual({ ContentType: 'application/json', Code: 201, Body: { Id: 'a' } })
  })

  test('does not wait for a client that has left', async () => {
    const leave = new AbortController()
    const held = slowreq
      .create({ delay: '10m' })
      .pre({ method: 'GET', target: '/info', body: null }, leave.signal)
    const aborted = once(leave.signal, 'abort')
    leave.abort()
    await aborted
    await expect(held).rejects.toThrow(/abort/i)
  })

  test.each([{ delay: 5 }, { delay: 'long' }, { dealy: '1s' }])('is not made of %j', (configured) => {
    expect(() => slowreq.create(configured)).toThrow(TypeError)
  })
})

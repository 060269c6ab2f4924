import type { Adapter, PostOutcome, PreOutcome } from '../../../src/model/hook.ts'
import { inProcessHook } from '../../../src/transport/in-process-hook.ts'
import { LONG_MS, REQUEST, RESPONSE, staying } from '../../support/adapters/call.ts'

const PASS = { kind: 'pass' } as const

function hookOf(code: Partial<Adapter>, timeoutMs = LONG_MS) {
  const settings = {
    adapter: 'a',
    onError: 'fail',
    onUnsupported: 'pass',
    requestRewrite: 'query',
    maxBodyBytes: 1,
    timeoutMs,
  } as const
  return inProcessHook(settings, { name: 'code', pre: async () => PASS, post: async () => PASS, ...code })
}

/** What a pre-hook makes of an outcome that may be anything: adapters may be plain JavaScript. */
function pre(outcome: unknown, request = REQUEST) {
  return hookOf({ pre: async () => outcome as PreOutcome }).pre(request, staying())
}

function post(outcome: unknown, response = RESPONSE) {
  return hookOf({ post: async () => outcome as PostOutcome }).post(REQUEST, response, staying())
}

function answered(outcome: unknown, ...warnings: unknown[]) {
  return { ok: true, value: { outcome, warnings } }
}

function badReply(problem: string) {
  return { ok: false, failure: { kind: 'bad-reply', problem: expect.stringContaining(problem) } }
}

test('carries the settings of its place', () => {
  expect(hookOf({})).toMatchObject({
    adapter: 'a',
    onError: 'fail',
    onUnsupported: 'pass',
    requestRewrite: 'query',
    maxBodyBytes: 1,
  })
})

describe('an outcome', () => {
  test.each<[string, unknown, unknown]>([
    ['that passes', PASS, answered(PASS)],
    ['that replaces nothing', { kind: 'replace' }, answered(PASS)],
    ['that replaces with the same', { kind: 'replace', ...REQUEST }, answered(PASS)],
    ['with a new body', { kind: 'replace', body: '{}' }, answered({ kind: 'replace', body: '{}' })],
    ['with an empty body', { kind: 'replace', body: '' }, answered({ kind: 'replace', body: '' })],
    [
      'with another query',
      { kind: 'replace', target: '/v1.16/containers/create' },
      answered({ kind: 'replace', target: '/v1.16/containers/create' }),
    ],
    [
      'with another path',
      { kind: 'replace', target: '/info', body: '{}' },
      answered({ kind: 'replace', body: '{}' }, expect.stringContaining('the path "/info"')),
    ],
    [
      'with a query that cannot be sent',
      { kind: 'replace', target: `${REQUEST.target}\r\n` },
      badReply('percent'),
    ],
    ['with a body that is no text', { kind: 'replace', body: { Image: 'x' } }, badReply('not a string')],
    ['with half a surrogate pair', { kind: 'replace', body: '\ud83d' }, badReply('surrogate')],
    [
      'that refuses',
      { kind: 'deny', status: 403, message: 'no\u001b[31m' },
      answered({ kind: 'deny', status: 403, message: 'no[31m' }),
    ],
    [
      'that refuses at length',
      { kind: 'deny', status: 403, message: 'x'.repeat(2000) },
      answered({ kind: 'deny', status: 403, message: 'x'.repeat(1024) }),
    ],
    ['that refuses with 404', { kind: 'deny', status: 404, message: '' }, badReply('404')],
    ['that refuses with 200', { kind: 'deny', status: 200, message: '' }, badReply('400 to 499')],
    ['that refuses with text', { kind: 'deny', status: '403', message: '' }, badReply('400 to 499')],
    ['that refuses without message', { kind: 'deny', status: 403 }, badReply('message')],
    ['of another kind', { kind: 'respond' }, badReply('no known kind')],
    ['of no kind', {}, badReply('no known kind')],
    ['undefined', undefined, badReply('no outcome')],
    ['null', null, badReply('no outcome')],
    ['true', true, badReply('no outcome')],
  ])('%s', async (_what, outcome, expected) => {
    expect(await pre(outcome)).toEqual(expected)
  })

  test.each<[string, unknown, unknown]>([
    ['that passes', PASS, answered(PASS)],
    ['with the same', { kind: 'replace', ...RESPONSE }, answered(PASS)],
    [
      'with everything new',
      { kind: 'replace', status: 299, contentType: 'text/plain', body: 'x' },
      answered({ kind: 'replace', status: 299, contentType: 'text/plain', body: 'x' }),
    ],
    [
      'with a type for nothing',
      { kind: 'replace', contentType: 'text/plain', body: '' },
      answered({ kind: 'replace', body: '' }),
    ],
    ['with status 101', { kind: 'replace', status: 101 }, badReply('200 to 599')],
    ['with two headers', { kind: 'replace', contentType: 'a\r\nb: c' }, badReply('header')],
    [
      'that refuses',
      { kind: 'deny', status: 451, message: 'no' },
      answered({ kind: 'deny', status: 451, message: 'no' }),
    ],
  ])('of a post-hook %s', async (_what, outcome, expected) => {
    expect(await post(outcome)).toEqual(expected)
  })
})

describe('code that', () => {
  test.each<[string, unknown, string]>([
    ['throws', new Error('boom'), 'boom'],
    ['throws no error', 'boom', 'boom'],
    ['throws a page', new Error('x'.repeat(2000)), 'x'.repeat(1024)],
  ])('%s has failed', async (_what, thrown, message) => {
    const hook = hookOf({
      pre() {
        throw thrown
      },
      post: () => Promise.reject(thrown),
    })
    const failure = { ok: false, failure: { kind: 'broken', status: 500, message } }
    expect(await hook.pre(REQUEST, staying())).toEqual(failure)
    expect(await hook.post(REQUEST, RESPONSE, staying())).toEqual(failure)
  })

  test('does not end is given up', async () => {
    const stopped = jest.fn()
    const hook = hookOf(
      { pre: (_request, stop) => new Promise(() => stop.addEventListener('abort', stopped)) },
      20,
    )
    const end = await hook.pre(REQUEST, staying())
    expect(end).toEqual({ ok: false, failure: { kind: 'deadline', deadlineMs: 20 } })
    expect(stopped).toHaveBeenCalled()
  })

  test('is not done when the client leaves is told so', async () => {
    const stopped = jest.fn()
    const hook = hookOf({
      post: (_request, _response, stop) => new Promise(() => stop.addEventListener('abort', stopped)),
    })
    const client = new AbortController()
    const end = hook.post(REQUEST, RESPONSE, client.signal)
    client.abort()
    expect(await end).toEqual({ ok: false, failure: { kind: 'aborted' } })
    expect(stopped).toHaveBeenCalled()
  })

  test('writes into what it was shown changes nothing', async () => {
    const request = { ...REQUEST }
    const hook = hookOf({
      async pre(shown) {
        Reflect.set(shown, 'body', 'mine')
        return PASS
      },
    })
    expect(await hook.pre(request, staying())).toEqual(answered(PASS))
    expect(request).toEqual(REQUEST)
  })
})

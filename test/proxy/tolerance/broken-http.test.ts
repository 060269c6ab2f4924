/** What becomes of replies that are cut off, endless, late or no HTTP (`docs/protocol-v1.md`), sent by bare sockets. */
import type { HookFailure } from '../../../src/model/hook.ts'
import { hookAt, LONG_MS, REQUEST, staying, WAYS } from '../../support/adapters/call.ts'
import { type PythonAdapters, startAdapters } from '../../support/adapters/start.ts'

let adapters: PythonAdapters
beforeAll(async () => {
  adapters = await startAdapters('misbehaving.py')
})
afterAll(() => adapters[Symbol.asyncDispose]())

const CHANGED = { ok: true, value: { outcome: { kind: 'replace', body: '{"Image":"y"}' }, warnings: [] } }
const UNCHANGED = { ok: true, value: { outcome: { kind: 'pass' }, warnings: [] } }
const CUT_OFF = badReply('its reply was cut off')
const NOT_HTTP = badReply('its reply is not HTTP/1.1')
const TOO_LARGE = badReply(`its reply is larger than ${32 * 1024 * 1024} bytes`)

function badReply(problem: string) {
  return failure({ kind: 'bad-reply', problem })
}

function unreachable(cause: string) {
  return failure({ kind: 'unreachable', cause })
}

function failure(failure: HookFailure) {
  return { ok: false, failure }
}

function denial(status: number, message: string) {
  return { ok: true, value: { outcome: { kind: 'deny', status, message }, warnings: [] } }
}

describe.each(WAYS)('$way, an adapter', ({ via, fresh }) => {
  test.each([
    ['T1', 'chunked', CHANGED],
    ['T1', 'chunked_with_trailers', CHANGED],
    ['T1', 'close_delimited', CHANGED],
    ['T1', 'close_delimited_by_http_10', CHANGED],
    ['T1', 'byte_by_byte', CHANGED],
    ['T1', 'early_hints', CHANGED],
    ['T18', 'half_of_the_json', badReply('its reply is not JSON')],
    ['T18', 'less_than_its_length', CUT_OFF],
    ['T18', 'whole_json_but_less_than_its_length', CUT_OFF],
    ['T18', 'chunks_without_an_end', CUT_OFF],
    ['T18', 'no_chunk_at_all', CUT_OFF],
    ['T18', 'nothing_of_its_length', CUT_OFF],
    ['T18', 'reset_after_the_head', CUT_OFF],
    ['T18', 'reset_after_half_of_the_json', badReply('its reply is not JSON')],
    ['T18', 'denial_less_than_its_length', CUT_OFF],
    ['T18', 'latin_1', badReply('its reply is not UTF-8')],
    ['T18', 'compressed', badReply('its reply is not UTF-8')],
    ['T18', 'byte_order_mark', badReply('its reply is not JSON')],
    ['T18', 'not_http', NOT_HTTP],
    ['T18', 'http_2', NOT_HTTP],
    ['T18', 'two_lengths', NOT_HTTP],
    ['T18', 'length_and_chunks', NOT_HTTP],
    ['T18', 'continues', NOT_HTTP],
    ['T18', 'switches_protocols', NOT_HTTP],
    ['T18', 'status_999', badReply('it answered with the status 999, which has no meaning here')],
    ['T18', 'just_32_mib', UNCHANGED],
    ['T18', 'just_over_32_mib', TOO_LARGE],
    ['T18', 'endless_head', badReply('the head of its reply is too large')],
    ['T18', 'endless_field', badReply('the head of its reply is too large')],
    ['T19', 'closes', unreachable('connection closed without a reply')],
    ['T19', 'resets', unreachable('connection reset')],
    ['T19', 'closes_within_the_head', unreachable('connection closed without a reply')],
    ['T21', 'resets_after_its_reply', CHANGED],
    ['T21', 'says_more_than_its_length', CHANGED],
    ['T15', 'latin_1_denial', denial(403, '')],
    ['T21', 'resets_after_a_reply_without_length', CHANGED],
    ['T21', 'denies_unread', denial(403, 'too long')],
    ['T21', 'answers_unread', CHANGED],
  ])('%s: %s', async (_rule, path, expected) => {
    await using hook = hookAt(adapters.at(via, `/${path}`), { fresh })
    expect(await hook.pre(REQUEST, staying())).toEqual(expected)
  })

  // The close of a connection with unread bytes is a reset, and it may overtake the reply (RFC 9112, section 9.6).
  test('T21: denies_unread, although the call is long', async () => {
    await using hook = hookAt(adapters.at(via, '/denies_unread'), { fresh })
    const end = await hook.pre({ ...REQUEST, body: JSON.stringify('x'.repeat(8_000_000)) }, staying())
    expect(JSON.stringify(end)).toMatch(/^{"ok":true,"value":{"outcome":{"kind":"deny"|"kind":"unreachable"/)
  })

  test.each(['a_gigabyte', 'a_gigabyte_of_chunks', 'a_gigabyte_until_closed', 'a_gigabyte_of_denial'])(
    'T18: %s takes no memory beyond the limit',
    async (path) => {
      await using hook = hookAt(adapters.at(via, `/${path}`), { fresh, replyLimitBytes: 1024 * 1024 })
      const { result, mostBytes } = await withMemory(async () => hook.pre(REQUEST, staying()))
      expect(result).toEqual(badReply(`its reply is larger than ${1024 * 1024} bytes`))
      expect(mostBytes).toBeLessThan(256 * 1024 * 1024)
    },
  )

  test.each([
    'never_answers',
    'drips_its_head',
    'drips_its_body',
    'drips_its_body_until_closed',
    'stops_within_its_body',
    'drips_early_hints',
  ])('T20: %s', async (path) => {
    await using hook = hookAt(adapters.at(via, `/${path}`), { fresh, timeoutMs: 400 })
    const start = performance.now()
    const call = hook.pre(REQUEST, staying())
    expect(await call).toEqual(failure({ kind: 'deadline', deadlineMs: 400 }))
    expect(performance.now() - start).toBeLessThan(LONG_MS)
  })

  test('never_answers, and the client leaves', async () => {
    await using hook = hookAt(adapters.at(via, '/never_answers'), { fresh })
    const client = new AbortController()
    const call = hook.pre(REQUEST, client.signal)
    client.abort()
    expect(await call).toEqual(failure({ kind: 'aborted' }))
    expect(await hook.pre(REQUEST, client.signal)).toEqual(failure({ kind: 'aborted' }))
  })
})

test('T1: two_million_chunks take no more memory than as many bytes', async () => {
  await using hook = hookAt(adapters.at('unix', '/two_million_chunks'))
  const { result, mostBytes } = await withMemory(async () => hook.pre(REQUEST, staying()))
  expect(result).toEqual(UNCHANGED)
  // A buffer for each would take 200 MiB.
  expect(mostBytes).toBeLessThan(128 * 1024 * 1024)
})

describe('T19: an adapter that is not there', () => {
  test.each([
    ['where nothing listens', { url: 'http://127.0.0.1:1/', address: { via: 'http' } }, 'connection refused'],
    [
      'on a socket that does not exist',
      { url: 'unix:///none.sock', address: { via: 'unix', socketPath: '/none.sock', path: '/' } },
      'no such socket',
    ],
  ] as const)('%s', async (_where, place, cause) => {
    await using hook = hookAt(place)
    expect(await hook.pre(REQUEST, staying())).toEqual(unreachable(cause))
  })

  test('on a host without an address', async () => {
    await using hook = hookAt({ url: 'http://adapter.invalid/', address: { via: 'http' } })
    const cause = expect.stringMatching(/^(no such host|the name of its host could not be looked up)$/)
    expect(await hook.pre(REQUEST, staying())).toEqual(unreachable(cause))
  })
})

/** How much more memory than before the process had at the most while it was at something. */
async function withMemory<T>(work: () => Promise<T>): Promise<{ result: T; mostBytes: number }> {
  const before = process.memoryUsage.rss()
  let mostBytes = 0
  const sample = () => {
    mostBytes = Math.max(mostBytes, process.memoryUsage.rss() - before)
  }
  const sampling = setInterval(sample, 5)
  const result = await work()
  sample()
  clearInterval(sampling)
  return { result, mostBytes }
}

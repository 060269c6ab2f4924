/**
 * Adapters that mean harm, over real sockets, with a whole proxy around them: whatever they send, the engine is not asked,
 * the client is told, and the proxy goes on serving with the memory it had.
 */
import { type PythonAdapters, startAdapters } from '../support/adapters/start.ts'
import { jsonOf, messageOf, type Stage, setStage } from '../support/cases/stage.ts'

let adapters: PythonAdapters
beforeAll(async () => {
  adapters = await startAdapters('misbehaving.py')
})
afterAll(() => adapters[Symbol.asyncDispose]())

/** For adapters that answer, and for those that do not. */
const PATIENT = '30s'
const IMPATIENT = '400ms'

const CREATE = ['POST', '/v1.41/containers/create', { Image: 'x' }] as const

function stageWith(path: string, phase: 'pre' | 'post', timeout = PATIENT): Promise<Stage> {
  return setStage({
    adapters: { hostile: { url: adapters.at('http', `/${path}`).url, timeout } },
    endpoints: { 'POST /*/containers/create': { [phase]: ['hostile'] } },
  })
}

async function expectAlive(stage: Stage): Promise<void> {
  expect((await stage.ask('GET', '/v1.41/info')).status).toBe(200)
}

const HOSTILE = [
  ['an endless reply', 'a_gigabyte_until_closed', 502],
  ['a reply of a gigabyte', 'a_gigabyte', 502],
  ['a gigabyte of chunks', 'a_gigabyte_of_chunks', 502],
  ['a denial of a gigabyte', 'a_gigabyte_of_denial', 502],
  ['an endless head', 'endless_head', 502],
  ['an endless field', 'endless_field', 502],
  ['a redirect', 'redirects', 502],
  ['a redirect that keeps the call', 'redirects_the_call', 502],
  ['two lengths', 'two_lengths', 502],
  ['a length and chunks', 'length_and_chunks', 502],
  ['an upgrade', 'switches_protocols', 502],
  ['HTTP/2', 'http_2', 502],
  ['no HTTP', 'not_http', 502],
  ['less than its length', 'less_than_its_length', 502],
  ['a reset in the middle', 'reset_after_half_of_the_json', 502],
  ['half a JSON', 'half_of_the_json', 502],
  ['a hundred thousand brackets', 'deep', 502],
  ['two things at once', 'says_two_things', 502],
  ['a status that means nothing', 'status_999', 502],
  ['no reply', 'never_answers', 504],
  ['a head, byte by byte', 'drips_its_head', 504],
  ['a body, byte by byte', 'drips_its_body', 504],
  ['early hints without end', 'drips_early_hints', 504],
] as const

describe.each(HOSTILE)('%s', (_what, path, status) => {
  test('before the engine is asked: it never is', async () => {
    await using stage = await stageWith(path, 'pre', status === 504 ? IMPATIENT : PATIENT)
    const answer = await stage.ask(...CREATE)
    expect(answer.status).toBe(status)
    expect(jsonOf(answer)).toEqual({ message: expect.stringMatching(/^adapter "hostile" failed: /) })
    expect(stage.engine.requests).toEqual([])
    await expectAlive(stage)
  })

  test('after the engine has answered: the client is not told the answer', async () => {
    await using stage = await stageWith(path, 'post', status === 504 ? IMPATIENT : PATIENT)
    const answer = await stage.ask(...CREATE)
    expect(answer.status).toBe(status)
    expect(jsonOf(answer)).toEqual({
      message: expect.stringMatching(/; the engine had already answered 200$/),
    })
    await expectAlive(stage)
  })
})

describe('keys that mean something to JavaScript', () => {
  test('in a body: the proxy’s own gate refuses it', async () => {
    await using stage = await stageWith('prototype_of_the_body', 'pre')
    const answer = await stage.ask(...CREATE)
    expect(answer.status).toBe(502)
    expect(stage.engine.requests).toEqual([])
    await expectAlive(stage)
  })

  test('in a reply: the same gate refuses it', async () => {
    await using stage = await stageWith('prototype_of_the_reply', 'pre')
    const answer = await stage.ask(...CREATE)
    expect(answer.status).toBe(502)
    expect(messageOf(answer)).toContain('(PS-JSON-008)')
    expect(stage.engine.requests).toEqual([])
    expect(({} as Record<string, unknown>).ModifiedClientRequest).toBeUndefined()
    await expectAlive(stage)
  })
})

test('a gigabyte for each of eight clients at once: memory stays within what replies may take', async () => {
  await using stage = await stageWith('a_gigabyte', 'pre')
  const before = process.memoryUsage.rss()
  let mostBytes = 0
  const sampling = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage.rss() - before)
  }, 5)
  const answers = await Promise.all(Array.from({ length: 8 }, () => stage.ask(...CREATE)))
  clearInterval(sampling)
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 502))
  expect(stage.engine.requests).toEqual([])
  // 32 MiB for each reply, and what the garbage collector has not looked at yet.
  expect(mostBytes).toBeLessThan(8 * 96 * 1024 * 1024)
  await expectAlive(stage)
})

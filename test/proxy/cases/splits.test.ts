/** Where a message is cut on its way changes nothing of what hooks see and what arrives. */
import { setImmediate as turn } from 'node:timers/promises'
import { adding, echo } from '../../support/cases/adapters.ts'
import { type Stage, setStage } from '../../support/cases/stage.ts'
import { type ScriptedEngine, startScriptedEngine } from '../../support/scripted-engine.ts'

const HEAD = 'POST /v1.45/towel HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n'
const CHUNKS = '4\r\n{"Nu\r\n8\r\nmber":1}\r\n0\r\n\r\n'
const LENGTH = 'Content-Length: 12\r\n\r\n{"Number":1}'
const CHUNKED = `Transfer-Encoding: chunked\r\n\r\n${CHUNKS}`
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

/** All in two pieces, cut at every byte, and all in pieces of one byte. */
function cuts(message: string): readonly (readonly string[])[] {
  const inTwo = Array.from({ length: message.length - 1 }, (_, at) => [
    message.slice(0, at + 1),
    message.slice(at + 1),
  ])
  return [...inTwo, [...message]]
}

/** Sends the pieces so that they are read one by one: between two of them everyone gets their turn. */
async function sendApart(send: (piece: string) => unknown, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    send(piece)
    for (let turns = 0; turns < 3; turns++) await turn()
  }
}

test.each([
  ['a length', `${HEAD}${LENGTH}`],
  ['chunks', `${HEAD}${CHUNKED}`],
])('a request with %s, cut at every byte, under a pre-hook', async (_framing, message) => {
  await using stage = await setStage({
    adapters: { one: adding(1) },
    endpoints: { 'POST *': { pre: ['one'] } },
  })
  await using client = await stage.connect()
  const all = cuts(message)
  for (const pieces of all) {
    await sendApart((piece) => client.write(piece), pieces)
    expect((await client.answer()).body.toString()).toBe('{"Number":2,"SeenByFakeDocker":42}')
  }
  expect(new Set(stage.engine.requests.map(({ body }) => body))).toEqual(new Set(['{"Number":2}']))
  expect(new Set(stage.adapter('one').calls.map(({ message }) => message.ClientRequest.Body))).toEqual(
    new Set(['{"Number":1}']),
  )
  expect(stage.engine.requests).toHaveLength(all.length)
})

describe('an answer, cut at every byte, under a post-hook', () => {
  let engine: ScriptedEngine
  let stage: Stage
  beforeAll(async () => {
    engine = await startScriptedEngine()
    stage = await setStage({
      engine: engine.address,
      adapters: { one: adding(1), null: echo },
      endpoints: {
        'POST /*/towel': { post: ['one'] },
        'POST /*/spoon': { post: ['null'] },
        'POST /*/containers/*/wait': { post: ['one'] },
      },
    })
  })
  afterAll(async () => {
    await stage[Symbol.asyncDispose]()
    await engine[Symbol.asyncDispose]()
  })

  /** What the client gets, each time. */
  async function answers(path: string, message: string): Promise<Set<string>> {
    const seen = new Set<string>()
    await using client = await stage.connect()
    const asked = engine.accept()
    for (const pieces of cuts(message)) {
      client.write(`POST ${path} HTTP/1.1\r\nHost: d\r\n\r\n`)
      const dockerd = await asked
      await dockerd.until('\r\n\r\n')
      dockerd.reads.length = 0
      await sendApart((piece) => dockerd.socket.write(piece), pieces)
      const answer = await client.answer()
      seen.add(`${answer.head}${answer.raw}`)
    }
    return seen
  }

  test.each([
    ['a length', `${ANSWER}${LENGTH}`],
    ['chunks', `${ANSWER}${CHUNKED}`],
  ])('with %s, changed', async (_framing, message) => {
    expect(await answers('/v1.45/towel', message)).toEqual(
      new Set([`${ANSWER}Content-Length: 12\r\n\r\n{"Number":2}`]),
    )
  })

  test.each([
    ['a length', `${ANSWER}${LENGTH}`],
    ['chunks', `${ANSWER}${CHUNKED}`],
  ])('with %s, unchanged', async (_framing, message) => {
    expect(await answers('/v1.45/spoon', message)).toEqual(new Set([`${ANSWER}${LENGTH}`]))
  })

  test('of a wait', async () => {
    expect(await answers('/v1.45/containers/a/wait', `${ANSWER}${CHUNKED}`)).toEqual(
      new Set([`${ANSWER}Transfer-Encoding: chunked\r\n\r\nc\r\n{"Number":2}\r\n0\r\n\r\n`]),
    )
  })
})

/** Two adapters by different authors, each with its own part of one create body, and what the engine gets of it. */
import { answering } from '../../support/cases/engine.ts'
import { setStage } from '../../support/cases/stage.ts'
import { startTwoAuthors, type TwoAuthors } from '../../support/cases/two-authors.ts'

let authors: TwoAuthors
beforeAll(async () => {
  authors = await startTwoAuthors()
})
afterAll(() => authors[Symbol.asyncDispose]())

/** With numbers that JavaScript cannot hold, a field of next year, and text of every kind. */
const BODY =
  '{"Image":"busybox","Env":["A=é漢😀"],"Labels":{"old":"1"},"HostConfig":{"ShmSize":9007199254740993,"Memory":9223372036854775807},"NextYear":{"Big":18446744073709551615,"Small":1e-7,"None":null},"Cmd":[]}'

test.each([[['node', 'python']], [['python', 'node']]] as const)(
  'after %j the body has both changes and everything else as it was',
  async (order) => {
    await using stage = await setStage({
      engine: answering(201, 'application/json', '{"Id":"a","Warnings":[]}'),
      adapters: { node: { url: authors.urls.node }, python: { url: authors.urls.python } },
      endpoints: { 'POST /*/containers/create': { pre: order } },
    })
    expect(
      (await stage.ask('POST', '/v1.45/containers/create?name=a', Buffer.from(BODY).toString('latin1')))
        .status,
    ).toBe(201)
    const { body } = stage.engine.onlyRequest
    const digits = (text: string) =>
      text.match(/\d{10,}|1e-0?7/g)?.map((number) => number.replace('e-0', 'e-'))
    expect(digits(body)).toEqual(digits(BODY))
    expect(JSON.parse(body)).toEqual({
      ...JSON.parse(BODY),
      Env: ['A=é漢😀', 'BY=node'],
      Labels: { old: '1', by: 'python' },
    })
    expect(await stage.exchange()).toMatchObject({
      fate: 'changed',
      operation: 'ContainerCreate',
      status: 201,
    })
  },
)

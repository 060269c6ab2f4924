/** What adapters of protocol 2 return goes through the gate, whatever form it comes in (PS-ADAPTER-004). */
import { sendJson } from '../../support/cases/engine.ts'
import { CREATE, setTwo } from '../../support/two/stage.ts'

const allow = () => undefined
const base64 = (text: string) => Buffer.from(text).toString('base64')
const bytes = (text: string) => ({ ModifiedClientRequest: { Body: base64(text), BodyEncoding: 'base64' } })

describe('bytes in place of a body', () => {
  test.each([
    ['a JSON body', 'POST', CREATE, { Image: 'a' }],
    ['a JSON body that is not there', 'POST', CREATE, undefined],
    ['nothing, where the engine reads none', 'POST', '/v1.45/containers/web/stop', undefined],
    ['the body of an operation that nobody knows', 'POST', '/v1.45/unheard/of', { a: 1 }],
  ])('%s: the hook has failed, and nobody is shown them', async (_what, method, target, body) => {
    await using scene = await setTwo({
      adapters: {
        a: () => bytes('{"Image":"a","HostConfig":{"Privileged":true},"Image":"b"}'),
        judge: allow,
      },
      endpoints: { '*': { pre: ['a', 'judge'], validate: ['judge'] } },
    })
    const answer = await scene.ask(method, target, body)
    expect(answer.status).toBe(502)
    expect(answer.body.toString()).toContain(
      'it gave bytes as the body of a request whose body is JSON or nothing',
    )
    expect(scene.engine.requests).toEqual([])
    expect(scene.timeline.map(({ adapter }) => adapter)).toEqual(['a'])
  })

  test('an archive may be replaced; what the next hook is shown is what the engine gets', async () => {
    const replies = [bytes('another archive'), { ModifiedClientRequest: { Body: '{"text":1}' } }, undefined]
    await using scene = await setTwo({
      adapters: { a: () => replies.shift() },
      endpoints: { ImageBuild: { pre: ['a', 'a', 'a'].map((use) => ({ use, body: 'buffered' })) } },
      engine: (_request, response) => sendJson(response, 200, {}),
    })
    await using client = await scene.connect()
    client.write(
      'POST /build HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: 3\r\n\r\ntar',
    )
    expect((await client.answer('POST')).status).toBe(200)
    const shown = scene.timeline.map(({ message }) => message.ClientRequest.Body)
    expect(shown).toEqual([base64('tar'), base64('another archive'), { text: 1 }])
    expect(scene.engine.requests[0]!.body).toBe('{"text":1}')
  })
})

test('the type of a body is not for hooks to change: a form would override the query', async () => {
  await expect(
    setTwo({
      adapters: { a: { does: allow, headers: { mutate: ['content-type'] } } },
      endpoints: { ImageBuild: { pre: ['a'] } },
    }),
  ).rejects.toThrow('is not for adapters to change')
})

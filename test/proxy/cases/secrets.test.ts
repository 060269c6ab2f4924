/** PS-SECRET-001: what adapters are not shown, and what becomes of it. */
import { echo, editing, modified, setting } from '../../support/cases/adapters.ts'
import { answering } from '../../support/cases/engine.ts'
import { messageOf, setStage } from '../../support/cases/stage.ts'

const BOTH = { '* *': { pre: ['x'], post: ['x'] } }

test('an adapter sees and sets no secret, and the engine gets what the client sent', async () => {
  await using stage = await setStage({
    adapters: { x: editing((body) => ({ ...body, Labels: { team: 'blue' } })) },
    endpoints: { '* *': { pre: ['x'] } },
    engine: answering(201, 'application/json', '{"ID":"1"}'),
  })
  await stage.ask('POST', '/v1.45/secrets/create', { Data: 'UzNDUkVU', Name: 'a' })
  expect(stage.adapter('x').calls[0]?.message.ClientRequest.Body).toBe('{"Name":"a"}')
  expect(JSON.parse(stage.engine.onlyRequest.body)).toEqual({
    Data: 'UzNDUkVU',
    Name: 'a',
    Labels: { team: 'blue' },
  })
})

test('docker login passes a null adapter unseen, both ways', async () => {
  const answer = '{"Status":"Login Succeeded","IdentityToken":"S3CRET"}'
  await using stage = await setStage({
    adapters: { x: echo },
    endpoints: BOTH,
    engine: answering(200, 'application/json', answer),
  })
  const got = await stage.ask('POST', '/v1.45/auth', { username: 'a', password: 'S3CRET' })
  expect(got.body.toString()).toBe(answer)
  expect(stage.engine.onlyRequest.body).toBe('{"username":"a","password":"S3CRET"}')
  expect(JSON.stringify(stage.adapter('x').calls)).not.toContain('S3CRET')
  expect(JSON.stringify(stage.lines)).not.toContain('S3CRET')
  expect(stage.adapter('x').calls).toHaveLength(2)
})

test('build arguments are withheld from the query, before and after', async () => {
  await using stage = await setStage({
    adapters: {
      x: (message) => modified(message, message.Type === 'pre-hook' ? { Request: '/v1.45/build?t=b' } : {}),
    },
    endpoints: BOTH,
    engine: answering(200, 'text/plain', ''),
  })
  await stage.ask('POST', '/v1.45/build?t=a&buildargs=%7B%22T%22%3A%22S3CRET%22%7D')
  expect(stage.engine.onlyRequest.target).toBe('/v1.45/build?t=b&buildargs=%7B%22T%22%3A%22S3CRET%22%7D')
  expect(stage.adapter('x').calls.map(({ message }) => message.ClientRequest.Request)).toEqual([
    '/v1.45/build?t=a',
    '/v1.45/build?t=a',
  ])
})

test('an adapter that sets what it is not shown has failed', async () => {
  await using stage = await setStage({
    adapters: { x: setting({ Body: '{"Name":"a","Data":"ZXZpbA=="}' }) },
    endpoints: { '* *': { pre: ['x'] } },
  })
  const answer = await stage.ask('POST', '/v1.45/secrets/create', { Name: 'a', Data: 'UzNDUkVU' })
  expect([answer.status, messageOf(answer)]).toEqual([
    502,
    'adapter "x" failed: it set Data, which it is not shown',
  ])
  expect(stage.engine.requests).toEqual([])
})

test('a grant shows a secret to this adapter and not to the next', async () => {
  await using stage = await setStage({
    adapters: { x: { does: echo, secrets: ['data'] }, y: echo },
    endpoints: { '* *': { pre: ['x', 'y'] } },
  })
  await stage.ask('POST', '/v1.45/secrets/create', { Name: 'a', Data: 'UzNDUkVU' })
  const shown = (name: string) => stage.adapter(name).calls[0]?.message.ClientRequest.Body
  expect([shown('x'), shown('y')]).toEqual(['{"Name":"a","Data":"UzNDUkVU"}', '{"Name":"a"}'])
  expect(stage.engine.onlyRequest.body).toBe('{"Name":"a","Data":"UzNDUkVU"}')
})

test('the data of configs is withheld from answers, and an adapter that filters a list keeps the rest whole', async () => {
  const items = [
    { ID: '1', Spec: { Name: 'mine', Data: 'T05F' } },
    { ID: '2', Spec: { Name: 'other', Data: 'VFdP' } },
  ]
  await using stage = await setStage({
    adapters: {
      x: (message) => {
        const all = JSON.parse(message.ServerResponse!.Body) as { Spec: { Name: string } }[]
        return modified(message, { Body: JSON.stringify(all.filter(({ Spec }) => Spec.Name === 'mine')) })
      },
    },
    endpoints: { '* *': { post: ['x'] } },
    engine: answering(200, 'application/json', JSON.stringify(items)),
  })
  const answer = await stage.ask('GET', '/v1.45/configs')
  expect(JSON.parse(answer.body.toString())).toEqual([items[0]])
  expect(JSON.stringify(stage.adapter('x').calls)).not.toContain('T05F')
})

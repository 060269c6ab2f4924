/** The REST API of the control service, by its statuses. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { Control } from '../../../src/flocker/control/control.ts'
import { controlServer } from '../../../src/flocker/control/server.ts'
import { openFileStore } from '../../../src/flocker/store/file-store.ts'
import type { StateStore } from '../../../src/flocker/store/state-store.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const B = 'bbbbbbbb-0000-4000-8000-000000000002'
const ID = '11111111-2222-4333-8444-555555555555'

let dir: string
let store: StateStore
let server: FastifyInstance

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'flocker-'))
  const opened = await openFileStore(join(dir, 'state'))
  if (!opened.ok) throw new Error(opened.failure.message)
  store = opened.value
  server = controlServer(new Control(store), undefined)
  for (const [node, host] of [
    [A, '10.0.0.1'],
    [B, '10.0.0.2'],
  ]) {
    const report = { node, host, endpoint: `${host}:4524`, copies: [], stages: [], moves: [], problems: {} }
    await call('POST', '/agents/report', { report, seen: null })
  }
})

afterEach(async () => {
  await server.close()
  await store[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true })
})

async function call(method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object, tag?: string) {
  const answer = await server.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload }),
    headers: tag === undefined ? {} : { 'x-if-configuration-matches': tag },
  })
  return {
    status: answer.statusCode,
    body: answer.json(),
    tag: answer.headers['x-configuration-tag'] as string,
  }
}

const datasets = '/v1/configuration/datasets'
const leases = '/v1/configuration/leases'

test('it says which Flocker it speaks like', async () => {
  expect(await call('GET', '/v1/version')).toMatchObject({
    status: 200,
    body: { flocker: expect.any(String) },
  })
})

test('nodes that report are listed', async () => {
  expect((await call('GET', '/v1/state/nodes')).body).toEqual([
    { host: '10.0.0.1', uuid: A },
    { host: '10.0.0.2', uuid: B },
  ])
})

test('a dataset is configured, moved and deleted', async () => {
  const wish = { dataset_id: ID, primary: A, metadata: { name: 'demo' }, maximum_size: 67_108_864 }
  const made = { ...wish, deleted: false }
  expect(await call('POST', datasets, wish)).toMatchObject({ status: 201, body: made })
  expect((await call('GET', datasets)).body).toEqual([made])
  expect(await call('POST', `${datasets}/${ID}`, { primary: B })).toMatchObject({
    status: 200,
    body: { ...made, primary: B },
  })
  const gone = { ...made, primary: B, deleted: true }
  for (const _time of [1, 2])
    expect(await call('DELETE', `${datasets}/${ID}`)).toMatchObject({ status: 200, body: gone })
  expect((await call('GET', datasets)).body).toEqual([gone])
  expect(await call('POST', `${datasets}/${ID}`, { primary: A })).toMatchObject({ status: 405 })
  // It was never made on any host, so there is nothing in the state.
  expect((await call('GET', '/v1/state/datasets')).body).toEqual([])
})

test('a node may be named by its host', async () => {
  expect((await call('POST', datasets, { primary: '10.0.0.2' })).body).toMatchObject({
    primary: B,
    metadata: {},
  })
})

test.each([
  ['no primary', {}, 400],
  ['a node that is unknown', { primary: '10.9.9.9' }, 400],
  ['a size below 64 MiB', { primary: A, maximum_size: 66_060_288 }, 400],
  ['a size that is not whole KiB', { primary: A, maximum_size: 67_108_865 }, 400],
  ['an id that is none', { primary: A, dataset_id: 'demo' }, 400],
  ['metadata that is no text', { primary: A, metadata: { name: 1 } }, 400],
  [
    '17 metadata',
    { primary: A, metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, ''])) },
    400,
  ],
  ['257 characters', { primary: A, metadata: { name: 'x'.repeat(257) } }, 400],
  ['a name of 257 characters', { primary: A, metadata: { ['x'.repeat(257)]: '' } }, 400],
  ['a property nobody knows', { primary: A, size: 1 }, 400],
  ['an id in use', { primary: A, dataset_id: ID.toUpperCase() }, 409],
])('a dataset with %s is refused', async (_what, wish, status) => {
  await call('POST', datasets, { primary: A, dataset_id: ID })
  expect(await call('POST', datasets, wish)).toEqual({
    status,
    body: { description: expect.any(String) },
    tag: undefined,
  })
  expect((await call('GET', datasets)).body).toHaveLength(1)
})

test('what is unknown is 404', async () => {
  for (const [method, url, body] of [
    ['POST', `${datasets}/${ID}`, { primary: A }],
    ['DELETE', `${datasets}/${ID}`],
    ['DELETE', `${leases}/${ID}`],
    ['POST', leases, { dataset_id: ID, node_uuid: A }],
    ['GET', '/v1/nonsense'],
  ] as const)
    expect(await call(method, url, body)).toMatchObject({
      status: 404,
      body: { description: expect.any(String) },
    })
})

describe('a lease', () => {
  beforeEach(() => call('POST', datasets, { primary: A, dataset_id: ID }))

  test('is taken, renewed, refused to others, and given back', async () => {
    const wish = { dataset_id: ID, node_uuid: A, expires: null }
    expect(await call('POST', leases, wish)).toMatchObject({ status: 201, body: wish })
    expect(await call('POST', leases, { ...wish, expires: 60 })).toMatchObject({ status: 200 })
    const held = (await call('GET', leases)).body
    expect(held).toEqual([{ ...wish, expires: expect.any(Number) }])
    expect(held[0].expires).toBeGreaterThan(50)
    expect(held[0].expires).toBeLessThanOrEqual(60)
    expect(await call('POST', leases, { ...wish, node_uuid: B })).toMatchObject({
      status: 409,
      body: { description: expect.stringContaining(`${A} (10.0.0.1)`) },
    })
    expect(await call('DELETE', `${leases}/${ID}`)).toMatchObject({ status: 200, body: { node_uuid: A } })
    expect(await call('DELETE', `${leases}/${ID}`)).toMatchObject({ status: 404 })
    expect(await call('POST', leases, { ...wish, node_uuid: B })).toMatchObject({ status: 201 })
  })

  test('that expires before it is kept for good is answered as it was given', async () => {
    const wish = { dataset_id: ID, node_uuid: A, expires: 0.001 }
    expect(await call('POST', leases, wish)).toMatchObject({ status: 201, body: wish })
  })

  test('keeps the dataset from being moved away or deleted, until it expires', async () => {
    await call('POST', leases, { dataset_id: ID, node_uuid: A, expires: 60 })
    const moved = await call('POST', `${datasets}/${ID}`, { primary: B })
    expect(moved).toMatchObject({ status: 409, body: { description: expect.stringContaining('10.0.0.1') } })
    expect(await call('DELETE', `${datasets}/${ID}`)).toMatchObject({ status: 409 })
    expect((await call('GET', leases)).body).toHaveLength(1)
    const aMinuteLater = Date.now() + 61_000
    const clock = jest.spyOn(Date, 'now').mockReturnValue(aMinuteLater)
    try {
      expect((await call('GET', leases)).body).toEqual([])
      expect(await call('POST', `${datasets}/${ID}`, { primary: B })).toMatchObject({ status: 200 })
    } finally {
      clock.mockRestore()
    }
  })

  test('says whom it is for, if it was told, and as it was told last', async () => {
    const wish = { dataset_id: ID, node_uuid: A, expires: null }
    expect((await call('POST', leases, { ...wish, used_by: ['web'] })).body).toEqual({
      ...wish,
      used_by: ['web'],
    })
    expect((await call('GET', leases)).body).toEqual([{ ...wish, used_by: ['web'] }])
    await call('POST', leases, wish)
    expect((await call('GET', leases)).body).toEqual([wish])
    expect(await call('POST', leases, { ...wish, used_by: 'web' })).toMatchObject({ status: 400 })
  })

  test('of the node that calls the dataset to itself is no hindrance', async () => {
    await call('POST', leases, { dataset_id: ID, node_uuid: B })
    expect(await call('POST', `${datasets}/${ID}`, { primary: B })).toMatchObject({ status: 200 })
  })
})

test('a write for an older configuration is refused, and changes nothing', async () => {
  const { tag } = await call('GET', datasets)
  expect(await call('POST', datasets, { primary: A, dataset_id: ID }, tag)).toMatchObject({ status: 201 })
  for (const [method, url, body] of [
    ['POST', datasets, { primary: A }],
    ['POST', `${datasets}/${ID}`, { primary: B }],
    ['DELETE', `${datasets}/${ID}`],
    ['POST', leases, { dataset_id: ID, node_uuid: A }],
    ['DELETE', `${leases}/${ID}`],
  ] as const)
    expect(await call(method, url, body, tag)).toMatchObject({ status: 412 })
  const now = await call('GET', datasets)
  expect(now.body).toMatchObject([{ primary: A, deleted: false }])
  expect(await call('POST', datasets, { primary: A }, now.tag)).toMatchObject({ status: 201 })
})

test('of a hundred writers with one tag, one succeeds', async () => {
  const { tag } = await call('GET', datasets)
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => call('POST', datasets, { primary: A }, tag)),
  )
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 412)).toHaveLength(99)
})

test('everything is there again after a restart', async () => {
  await call('POST', datasets, { primary: A, dataset_id: ID, metadata: { name: 'kept' } })
  await call('POST', leases, { dataset_id: ID, node_uuid: A })
  const before = [await call('GET', datasets), await call('GET', leases)]
  await server.close()
  await store[Symbol.asyncDispose]()
  const opened = await openFileStore(join(dir, 'state'))
  if (!opened.ok) throw new Error(opened.failure.message)
  store = opened.value
  server = controlServer(new Control(store), undefined)
  expect([await call('GET', datasets), await call('GET', leases)]).toEqual(before)
  // Nodes are known, but none has reported yet.
  expect((await call('GET', '/v1/state/nodes')).body).toEqual([])
})

test('a second control service is kept from the file', async () => {
  expect(await openFileStore(join(dir, 'state'))).toEqual({
    ok: false,
    failure: { message: expect.stringContaining('in use by another flocker-control') },
  })
})

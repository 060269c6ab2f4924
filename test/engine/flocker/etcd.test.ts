/** Beyond one machine: the state in etcd, a control service on each host, certificates between all of them. */
import { Agent, request } from 'undici'
import { openEtcdStore } from '../../../src/flocker/store/etcd-store.ts'
import { run } from '../../support/engine/run.ts'
import type { FlockerApi } from '../../support/flocker/api.ts'
import { identityOf, makeCertificates } from '../../support/flocker/certificates.ts'
import { AGENT_PORT, type Cluster, CONTROL_PORT, startCluster } from '../../support/flocker/cluster.ts'
import { type Etcd, startEtcd } from '../../support/flocker/etcd.ts'
import { describeStore } from '../../support/flocker/store-spec.ts'

/** Engines start here, on machines that may be doing other things. */
jest.setTimeout(240_000)

let etcd: Etcd

beforeAll(async () => {
  etcd = await startEtcd()
})

afterAll(() => etcd?.[Symbol.asyncDispose]())

let places = 0

describeStore('etcd', async () => {
  const prefix = `/test/${places++}`
  return {
    async open() {
      const opened = await openEtcdStore({ endpoints: [etcd.endpoint], prefix, tls: undefined })
      if (!opened.ok) throw new Error(opened.failure.message)
      return opened.value
    },
    async [Symbol.asyncDispose]() {},
  }
})

test('an etcd that is gone is trouble that is told, and over when it is back', async () => {
  const dead = 'http://127.0.0.1:1'
  expect(await openEtcdStore({ endpoints: [dead], prefix: '/gone', tls: undefined })).toMatchObject({
    ok: false,
    failure: { message: expect.stringContaining('does not answer') },
  })
  // A member that is gone is passed over.
  const opened = await openEtcdStore({ endpoints: [dead, etcd.endpoint], prefix: '/gone', tls: undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  await using store = opened.value
  await etcd.kill()
  expect(await store.ledger()).toMatchObject({ ok: false })
  await etcd.start()
  expect(await store.ledger()).toMatchObject({ ok: true, value: { revision: 0 } })
})

describe('two control services and two agents', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await startCluster({ etcd: true })
  })

  afterAll(() => cluster?.[Symbol.asyncDispose]())

  test('are one cluster: what one is told the other shows, and of two writers with one tag one wins', async () => {
    const [one, other] = cluster.controls.map(({ api }) => api) as [FlockerApi, FlockerApi]
    const [first] = cluster.hosts
    const { tag } = await one.call('GET', '/configuration/datasets')
    const wish = { primary: first.node }
    const answers = await Promise.all(
      [one, other].map((api) => api.call('POST', '/configuration/datasets', wish, tag)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412])
    const { body } = answers.find(({ status }) => status === 201)!
    expect(await other.usableOn(body.dataset_id, first.node)).toBe(
      await one.usableOn(body.dataset_id, first.node),
    )
  })

  test('a dataset moves while the control service that was told of it is killed', async () => {
    const [one, other] = cluster.controls
    const [first, second] = cluster.hosts
    const id = await one.api.create(first.node, 'tls')
    const path = await one.api.usableOn(id, first.node)
    await run('dd', ['if=/dev/urandom', `of=${path}/random`, 'bs=1M', 'count=16'])
    const sum = async (at: string) => (await run('sha256sum', [`${at}/random`])).stdout.slice(0, 64)
    const before = await sum(path)
    await one.api.move(id, second.node)
    await one.running.end('SIGKILL')
    expect(await sum(await other!.api.usableOn(id, second.node))).toBe(before)
    await one.restart()
    expect(await one.api.usableOn(id, second.node)).toBe(await other!.api.usableOn(id, second.node))
  })

  test('nobody without a certificate of their authority is listened to', async () => {
    const [first] = cluster.hosts
    const { address, dir } = first.host.engine
    const stranger = await makeCertificates(`${dir}/stranger`, ['127.0.0.1'])
    const [trusted, own] = [await identityOf(cluster.tls!), await identityOf(stranger)]
    const strange = { ...own, ca: trusted.ca }
    for (const port of [CONTROL_PORT, AGENT_PORT]) {
      const ask = async (connect: object) => {
        const answer = await request(`https://${address}:${port}/nonsense`, {
          dispatcher: new Agent({ connect }),
        })
        return answer.statusCode
      }
      await expect(ask({ ca: trusted.ca })).rejects.toThrow()
      await expect(ask(strange)).rejects.toThrow()
      await expect(request(`http://${address}:${port}/nonsense`)).rejects.toThrow()
      expect(await ask(trusted)).toBe(404)
    }
  })
})

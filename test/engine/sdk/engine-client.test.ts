/** The engine client of the SDK and real engines. */
import { randomBytes } from 'node:crypto'
import { engineAt } from 'powerstrip/sdk'
import { describeEachEngine, docker, runLabel, startEngine } from '../../support/engine/index.ts'

// An engine starts twice, on machines that may be doing other things.
jest.setTimeout(240_000)

describeEachEngine('the engine client', (engine) => {
  test('makes a container, asks about it and removes it; what the engine refuses is a failure', async () => {
    const { json } = engineAt(engine().host)
    const name = `client-${randomBytes(4).toString('hex')}`
    const [label = '', value = ''] = runLabel().split('=')
    const body = { Image: 'busybox', Labels: { [label]: value }, HostConfig: { NetworkMode: 'none' } }
    const create = { query: { name }, body }
    expect(await json('POST', '/containers/create', create)).toMatchObject({
      ok: true,
      value: { status: 201 },
    })
    expect(await json('POST', '/containers/create', create)).toMatchObject({
      ok: false,
      failure: { kind: 'refused', status: 409, message: expect.stringContaining('is already in use') },
    })
    expect(
      await json('GET', '/containers/json', { query: { all: true, filters: { name: [name] } } }),
    ).toMatchObject({ ok: true, value: { body: [{ Names: [`/${name}`] }] } })
    expect(await json('DELETE', `/containers/${name}`)).toEqual({
      ok: true,
      value: { status: 204, body: null },
    })
    expect(await json('GET', `/containers/${name}/json`)).toEqual({
      ok: false,
      failure: { kind: 'refused', status: 404, message: `No such container: ${name}` },
    })
    expect(await json('GET', '/_ping')).toEqual({ ok: true, value: { status: 200, body: 'OK' } })
  })

  test('misses no event once it has said that it listens', async () => {
    const client = engineAt(engine().host)
    for (let round = 0; round < 20; round++) {
      const name = `heard-${randomBytes(4).toString('hex')}`
      const filters = { type: ['volume'], event: ['create'], volume: [name] }
      let heard: string | undefined
      for await (const news of client.events(filters, new AbortController().signal)) {
        const labels = { [runLabel().split('=')[0]!]: runLabel().split('=')[1] }
        if (news.kind === 'connected')
          await client.json('POST', '/volumes/create', { body: { Name: name, Labels: labels } })
        if (news.kind !== 'event') continue
        heard = news.id
        break
      }
      expect(heard).toBe(name)
      await client.json('DELETE', `/volumes/${name}`)
    }
  })
})

test('events go on after the engine was killed and started again', async () => {
  await using engine = await startEngine({ kind: 'new' })
  const said: string[] = []
  for await (const news of engineAt(engine.host).events({ type: ['volume'] }, new AbortController().signal)) {
    said.push(news.kind === 'event' ? `${news.action} ${news.id}` : news.kind)
    if (said.length === 1) await engine.kill()
    if (news.kind === 'lost' && said.length === 2) await engine.start()
    if (news.kind === 'connected' && said.length > 1) await docker(engine.host, ['volume', 'create', 'late'])
    if (news.kind === 'event') break
  }
  expect(said.filter((word, index) => word !== said[index - 1])).toEqual([
    'connected',
    'lost',
    'connected',
    'create late',
  ])
})

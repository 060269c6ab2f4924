/** A hundred clients at once through three adapters, and adapters that fail while they are asked. */
import { adding, type CaseAdapter, echo, editing, startAdapter } from '../../support/cases/adapters.ts'
import { startTwoAuthors } from '../../support/cases/two-authors.ts'
import { describeEachEngine, docker, type Engine, runLabel } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { ask as askEngine, mustAsk, request } from '../../support/raw/box.ts'
import type { Answer } from '../../support/raw/message.ts'
import { RawPeer } from '../../support/raw/peer.ts'

const CLIENTS = 100

async function ask(powerstrip: Powerstrip, method: string, target: string, body?: unknown): Promise<Answer> {
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  client.write(request(method, target, body))
  return await client.answer(method)
}

/** A container that ends with this code, as a client of its own creates it. */
function container(exitCode: number) {
  const [key, run] = runLabel().split('=') as [string, string]
  return {
    Image: 'busybox',
    Cmd: ['sh', '-c', `exit ${exitCode}`],
    Labels: { [key]: run, client: String(exitCode) },
    HostConfig: { NetworkMode: 'none' },
  }
}

/** Adds a variable to what is created, so that each container shows that every adapter has had it. */
function variable(name: string) {
  return editing(({ Env, ...rest }) => ({
    ...rest,
    Env: [...((Env as string[] | undefined) ?? []), `${name}=1`],
  }))
}

async function remove(engine: Engine, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => mustAsk(engine, 'DELETE', `/containers/${id}?force=1`)))
}

function idIn(answer: Answer): string {
  return (JSON.parse(answer.body.toString()) as { readonly Id: string }).Id
}

describeEachEngine('a hundred clients at once', (engine) => {
  test('docker run through three adapters, each with its own result', async () => {
    await using a = await startAdapter(variable('A'))
    await using b = await startAdapter(variable('B'))
    await using c = await startAdapter(echo)
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: {
          'POST /*/containers/create': { pre: ['a', 'b', 'c'], post: ['c'] },
          'POST /*/containers/*': { pre: ['c'], post: ['c'] },
        },
        adapters: { a: a.url, b: b.url, c: c.url },
      }),
    })
    const run = (exitCode: number) =>
      docker(powerstrip.unix, [
        ...['run', '--rm', '--network', 'none', '--label', runLabel(), 'busybox', 'sh', '-c'],
        // Engine 26.1 itself loses the output of about every hundredth container that ends at once.
        `echo "$A$B for ${exitCode}"; sleep 0.3; exit ${exitCode}`,
      ])
    const numbers = Array.from({ length: CLIENTS }, (_, n) => n)
    expect(await Promise.all(numbers.map(run))).toEqual(
      numbers.map((exitCode) => ({ exitCode, stdout: `11 for ${exitCode}\n`, stderr: '' })),
    )
    // A create, an attach, a wait and a start each, before and after, but for what turns two-way.
    expect(c.calls.length).toBeGreaterThanOrEqual(CLIENTS * 7)
    expect(powerstrip.log.filter(({ fate }) => fate === 'hook-failed' || fate === 'post-failed')).toEqual([])
  }, 180_000)

  test('an adapter that is killed and comes back fails some by name, and nobody hangs', async () => {
    await using a = await startAdapter(variable('A'))
    const port = (adapter: CaseAdapter) => Number(new URL(adapter.url).port)
    const mortal = await startAdapter(variable('B'))
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: { 'POST /*/containers/create': { pre: ['a', 'mortal', 'a'] } },
        adapters: { a: a.url, mortal: mortal.url },
      }),
    })
    const creating = Array.from({ length: CLIENTS }, (_, n) =>
      ask(powerstrip, 'POST', '/v1.41/containers/create', container(n)),
    )
    await mortal.called(10)
    await mortal[Symbol.asyncDispose]()
    const whileDead = await ask(powerstrip, 'POST', '/v1.41/containers/create', container(0))
    await using _again = await startAdapter(variable('B'), port(mortal))
    const answers = [...(await Promise.all(creating)), whileDead]
    const later = await ask(powerstrip, 'POST', '/v1.41/containers/create', container(0))
    const made = [...answers, later].filter(({ status }) => status === 201).map(idIn)
    await remove(engine(), made)

    expect(later.status).toBe(201)
    expect(whileDead.status).toBe(502)
    const errors = answers.filter(({ status }) => status !== 201)
    for (const { status, body } of errors) {
      expect(status).toBe(502)
      expect(body.toString()).toContain('adapter \\"mortal\\" failed: ')
    }
  })
})

describeEachEngine('two adapters of two authors', (engine) => {
  test.each([[['node', 'python']], [['python', 'node']]])(
    'in the order %j, at docker create',
    async (order) => {
      await using authors = await startTwoAuthors()
      await using powerstrip = await startPowerstrip({
        upstream: engine().host,
        config: JSON.stringify({
          endpoints: { 'POST /*/containers/create': { pre: order } },
          adapters: authors.urls,
        }),
      })
      const flags = ['--network', 'none', '--label', runLabel(), '--label', 'own=1', '--env', 'OWN=é😀']
      const created = await docker(powerstrip.unix, ['create', ...flags, 'busybox', 'true'])
      expect(created).toMatchObject({ exitCode: 0, stderr: '' })
      const id = created.stdout.trim()
      const { Config } = JSON.parse(await mustAsk(engine(), 'GET', `/containers/${id}/json`))
      await remove(engine(), [id])
      expect(Config.Labels).toMatchObject({ own: '1', by: 'python' })
      expect(Config.Env).toEqual(expect.arrayContaining(['OWN=é😀', 'BY=node']))

      // One more than JavaScript can count to; the docker CLI rounds it as well.
      const { Labels } = container(0)
      const huge = JSON.stringify({ Image: 'busybox', Labels, HostConfig: { ShmSize: 0 } })
      const body = huge.replace('"ShmSize":0', '"ShmSize":9007199254740993')
      const own = idIn(await ask(powerstrip, 'POST', '/v1.41/containers/create', body))
      const text = await mustAsk(engine(), 'GET', `/containers/${own}/json`)
      await remove(engine(), [own])
      expect(/"ShmSize":\d+/.exec(text)?.[0]).toBe('"ShmSize":9007199254740993')
    },
  )
})

describeEachEngine('a body that its hook makes wrong', (engine) => {
  test('is the engine’s to refuse, in its own words', async () => {
    await using odd = await startAdapter(adding(1))
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: { 'POST /*/containers/create': { pre: ['odd'] } },
        adapters: { odd: odd.url },
      }),
    })
    const answer = await ask(powerstrip, 'POST', '/v1.41/containers/create', { Image: 5 })
    const direct = await askEngine(engine(), 'POST', '/v1.41/containers/create', { Image: 5, Number: null })
    expect([answer.status, answer.body.toString()]).toEqual([direct.status, direct.body.toString()])
    expect(direct.status).toBeGreaterThanOrEqual(400)
    expect(
      await powerstrip.logged(({ msg, operation }) => msg === 'exchange' && operation === 'ContainerCreate'),
    ).toMatchObject({
      fate: 'changed',
      status: direct.status,
    })
  })
})

/** Conformance within a test runner, as authors of adapters have it. */
import { defineAdapter, serve } from 'powerstrip/sdk'
import { conformance, runConformance, targetAt } from 'powerstrip/testkit'

/** Has all that an adapter can have, so nothing but the proof of the caller is passed over. */
const good = defineAdapter({
  name: 'team-label',
  sideEffects: 'NoneOnDryRun',
  idempotent: true,
  pre: {
    ContainerCreate(ctx) {
      if (ctx.body.HostConfig?.Privileged) return ctx.deny('privileged containers are not allowed here')
      ctx.body.Labels = { ...ctx.body.Labels, team: 'infra' }
      // Protocol 1 has no place for it.
      if (ctx.protocol === 2) ctx.setHeader('x-team', 'infra')
      if (ctx.dryRun) return
      ctx.compensate()
      ctx.metadata.lease = ctx.uid
      return
    },
  },
  validate: {
    ContainerCreate: ({ body, deny }) =>
      body.HostConfig?.NetworkMode === 'host' ? deny('the host network is not for containers') : undefined,
  },
  post: {
    ContainerCreate(ctx) {
      if (ctx.response.code === 201) ctx.warn('labelled')
    },
  },
  unwind: { ContainerCreate: () => {} },
  observe: { ContainerCreate: () => {} },
  stream: {
    async *SystemEvents(events) {
      for await (const event of events) if (event.Type !== 'network') yield event
    },
  },
})

conformance(good, describe, it, { protocol: 2 })

test('nothing is passed over that this adapter has', async () => {
  const served = await serve(good, {
    listen: 'http://127.0.0.1:0',
    log: { info() {}, warn() {}, error() {} },
  })
  const report = await runConformance(targetAt(served.address), { protocol: 2 })
  await served.close()
  const skipped = report.ok
    ? report.value.results.filter(({ verdict }) => verdict.kind === 'skip')
    : undefined
  expect(skipped?.map(({ id }) => id).filter((id) => id.startsWith('PS2'))).toEqual([
    'PS2-AUT-01',
    'PS2-AUT-02',
    'PS2-AUT-03',
    'PS2-AUT-04',
  ])
})

describe('an adapter with a fault', () => {
  const tests = new Map<string, () => Promise<void>>()
  const collect = (name: string, run: () => Promise<void>) => tests.set(name.split(' ')[0]!, run)
  const forgetful = defineAdapter({
    name: 'forgetful',
    pre: { ContainerStart: ({ text }) => void JSON.parse(String(text)).Image },
  })
  conformance(forgetful, (_name, define) => define(), collect, { protocol: 1 })

  test('fails the test of that name, with everything that is needed to mend it', async () => {
    expect([...tests.keys()]).toHaveLength(12)
    await tests.get('PS1-CORE-01')!()
    await expect(tests.get('PS1-CORE-03')!()).rejects.toThrow(
      /sent: pre-hook \(without a body\).*came: 500.*expected: a decision/s,
    )
  })
})

test('an address that is none, and one where nobody is, fail each test', async () => {
  const tests: (() => Promise<void>)[] = []
  const collect = (_name: string, run: () => Promise<void>) => tests.push(run)
  conformance('nowhere', (_name, define) => define(), collect, { focus: /PS1-CORE-01/ })
  conformance('http://127.0.0.1:1', (_name, define) => define(), collect, { focus: /PS1-CORE-01/ })
  await expect(tests[0]!()).rejects.toThrow('has no scheme')
  await expect(tests[1]!()).rejects.toThrow('cannot be reached: connection refused')
})

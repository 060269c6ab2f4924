/** Conformance within a test runner, as authors of adapters have it. */
import { defineAdapter } from 'powerstrip/sdk'
import { conformance } from 'powerstrip/testkit'

const good = defineAdapter({
  name: 'team-label',
  pre: {
    ContainerCreate({ body, deny }) {
      if (body.HostConfig?.Privileged) return deny('privileged containers are not allowed here')
      body.Labels = { ...body.Labels, team: 'infra' }
      return
    },
  },
})

conformance(good, describe, it)

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

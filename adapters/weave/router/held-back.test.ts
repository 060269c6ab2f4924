import type { Result } from 'powerstrip/sdk'
import type { RouterSettings, Settings } from '../settings.ts'
import { Attachments } from './attachments.ts'
import { attach, giveBack } from './held-back.ts'
import type { Router, RouterFailure } from './router.ts'

const ID = 'ab'.repeat(32)

test('what a container had is not given back while it is still being attached, which would take it again', async () => {
  const asked: string[] = []
  let answer: (obtained: Result<string, RouterFailure>) => void = () => {}
  const container = { Id: ID, State: { Pid: 1 }, Config: { Labels: { 'powerstrip.weave': '10.2.1.1/24' } } }
  const engine = { json: async () => ({ ok: true, value: { body: container } }) }
  const onRouter = {
    attachments: new Attachments(),
    router: {
      obtain: () =>
        new Promise((resolve) => {
          asked.push('obtain')
          answer = resolve
        }),
      deregister: async () => asked.push('deregister'),
      release: async () => asked.push('release'),
    } satisfies Partial<Record<keyof Router, unknown>>,
  } as unknown as RouterSettings
  const { signal } = new AbortController()

  const attached = attach(ID, { engine, subnet: '10.32.0.0/12' } as unknown as Settings, onRouter, signal)
  while (asked.length === 0) await Promise.resolve()
  const given = giveBack(ID, onRouter, signal)
  await Promise.resolve()
  expect(asked).toEqual(['obtain'])
  answer({ ok: false, failure: { kind: 'refused', message: 'taken' } })
  expect(await attached).toMatchObject({ message: '10.2.1.1/24: taken' })
  await given
  expect(asked).toEqual(['obtain', 'deregister', 'release'])
})

/** The queues of observe-hooks (protocol 2, section 3). */
import { OBSERVE_QUEUE_LIMIT, Observers } from '../../../src/chain/observe.ts'
import type { ChainNote } from '../../../src/model/event.ts'
import type { CallFacts, Hook } from '../../../src/model/hook.ts'
import { ok } from '../../../src/model/result.ts'

test('V2-3.5: 1,024 ends wait for a hook that is too slow; the oldest are dropped, and each is told', async () => {
  const seen: string[] = []
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const hook = {
    adapter: 'slow',
    observe: async ({ target }: { readonly target: string }) => {
      seen.push(target)
      await gate
      return ok(undefined)
    },
  } as unknown as Hook
  const notes: ChainNote[] = []
  const observers = new Observers()
  const inHand = 4
  const total = inHand + OBSERVE_QUEUE_LIMIT + 10
  expect(OBSERVE_QUEUE_LIMIT).toBe(1024)
  for (let n = 0; n < total; n++)
    observers.tell(hook, {
      request: { method: 'GET', target: `/${n}`, body: null },
      end: { response: null, fate: 'relayed', requestBytes: 0, responseBytes: 0 },
      facts: {} as CallFacts,
      note: (note) => notes.push(note),
    })
  expect(notes).toEqual(Array(10).fill({ kind: 'observation-dropped', adapter: 'slow' }))
  open()
  await observers.drain(10_000)
  const expected = Array.from({ length: total }, (_, n) => `/${n}`)
  expected.splice(inHand, 10)
  expect(seen).toEqual(expected)
})

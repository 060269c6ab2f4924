/** How long a connection to an adapter lives: for one call, or for many. */
import { echo } from '../../support/cases/adapters.ts'
import { setStage } from '../../support/cases/stage.ts'

const FIVE = Array<string>(5).fill('adapter')

test.each([
  ['its URL alone', {}, 10],
  ['an object', { timeout: '10s' }, 1],
  ['an object that names protocol 1', { protocol: 1 }, 10],
])(
  'an adapter given by %s is called over as many connections as it is promised',
  async (_what, settings, connections) => {
    await using stage = await setStage({
      adapters: { adapter: { does: echo, ...settings } },
      endpoints: { 'POST /*/towel': { pre: FIVE, post: FIVE } },
    })
    await stage.ask('POST', '/v1.45/towel', { Number: 1 })
    const { calls } = stage.adapter('adapter')
    expect(calls).toHaveLength(10)
    expect(new Set(calls.map(({ port }) => port)).size).toBe(connections)
  },
)

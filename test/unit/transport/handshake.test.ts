/** When an adapter is asked what it speaks (protocol 2, section 2), on a clock that the test turns. */
import { failed, ok } from '../../../src/model/result.ts'
import { Handshake, type HandshakeTerms } from '../../../src/transport/handshake.ts'
import { V2_TYPE } from '../../../src/wire/v2/fields.ts'

const ABILITIES = { PowerstripProtocolVersion: 2, Name: 'a', Implements: ['pre-hook'] }

beforeEach(() => jest.useFakeTimers())
afterEach(() => jest.useRealTimers())

function asking(answer: () => object | undefined) {
  const times: number[] = []
  const ask: HandshakeTerms['ask'] = async () => {
    times.push(Math.round(performance.now() - since))
    const said = answer()
    return said === undefined
      ? failed({ kind: 'unreachable', cause: 'no such socket' })
      : ok({ status: 200, body: JSON.stringify(said), fields: { 'content-type': V2_TYPE } })
  }
  const since = performance.now()
  const terms = { startupTimeoutMs: 3_000, fields: () => ({}), learned: () => {} }
  const handshake = new Handshake({ protocol: 2, ask, ...terms })
  return { handshake, times }
}

test('V2-2.4: an adapter that is not there is asked at growing distances, then every 5 s', async () => {
  const { handshake, times } = asking(() => undefined)
  await jest.advanceTimersByTimeAsync(20_000)
  expect(times).toEqual([0, 50, 150, 350, 750, 1550, 3150, 8150, 13150, 18150])
  expect(await handshake.settled()).toEqual({ ok: false, failure: 'no such socket' })
  handshake.close()
  await jest.advanceTimersByTimeAsync(20_000)
  expect(times).toHaveLength(10)
})

test('V2-2.4: once it has answered, it is left alone', async () => {
  let isThere = false
  const { handshake, times } = asking(() => (isThere ? ABILITIES : undefined))
  await jest.advanceTimersByTimeAsync(400)
  isThere = true
  await jest.advanceTimersByTimeAsync(60_000)
  expect(times).toEqual([0, 50, 150, 350, 750])
  expect(await handshake.settled()).toMatchObject({ ok: true, value: { protocol: 2 } })
})

test.each([
  [{ ...ABILITIES, OptionsTtl: 10 }, 10],
  [ABILITIES, 300],
])('V2-2.7: what it said holds for OptionsTtl, 300 s unless it says so: %j', async (abilities, ttlS) => {
  const { handshake, times } = asking(() => abilities)
  await jest.advanceTimersByTimeAsync(ttlS * 1_000 - 1)
  await handshake.settled()
  expect(times).toEqual([0])
  await jest.advanceTimersByTimeAsync(2)
  // Nobody waits for the new answer; the old one holds until it is there.
  expect(await handshake.settled()).toMatchObject({ ok: true })
  await jest.advanceTimersByTimeAsync(0)
  expect(times).toHaveLength(2)
})

test('V2-2.7: another ISTag in a reply makes it ask again, once; the same does not', async () => {
  const { handshake, times } = asking(() => ({ ...ABILITIES, ISTag: 'one' }))
  await handshake.settled()
  handshake.tagged('one')
  expect(times).toHaveLength(1)
  handshake.tagged('two')
  handshake.tagged('two')
  await jest.advanceTimersByTimeAsync(0)
  expect(times).toHaveLength(2)
})

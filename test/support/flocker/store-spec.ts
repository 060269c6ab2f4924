/** What every `StateStore` keeps to. Each implementation runs it. */
import { EMPTY_LEDGER, type Ledger } from '../../../src/flocker/ledger/ledger.ts'
import { NODE_LIFE_MS, type StateStore } from '../../../src/flocker/store/state-store.ts'
import type { NodeReport } from '../../../src/flocker/wire/messages.ts'
import type { Result } from '../../../src/model/result.ts'

export interface Place extends AsyncDisposable {
  /** Opens the store, for one who may be the second or the next. */
  open(): Promise<StateStore>
}

export function describeStore(name: string, makePlace: () => Promise<Place>): void {
  describe(name, () => {
    let place: Place
    let store: StateStore

    beforeEach(async () => {
      place = await makePlace()
      store = await place.open()
    })

    afterEach(async () => {
      await store[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })

    const counting = (configuration: number): Ledger => ({ ...EMPTY_LEDGER, configuration })
    const newest = async () => must(await store.ledger())

    test('begins empty', async () => {
      expect(await newest()).toEqual({ ledger: EMPTY_LEDGER, revision: 0 })
    })

    test('keeps a ledger whole, over a restart too', async () => {
      const ledger: Ledger = {
        configuration: 7,
        nodes: { a: { host: '10.0.0.1', endpoint: '10.0.0.1:4524' } },
        datasets: {
          d: {
            id: 'd',
            primary: 'a',
            metadata: { name: 'Ä "quoted"\n🐳' },
            maximumSize: 67_108_864,
            deleted: false,
            lease: { node: 'a', expiresAtMs: 1_800_000_000_123 },
            holder: { node: 'a', generation: 3, copy: 'c' },
            handover: { to: 'b', copy: 'e' },
          },
        },
      }
      const stored = must(await store.replace(ledger, 0))
      expect(stored.kind).toBe('stored')
      const before = await newest()
      expect(before.ledger).toEqual(ledger)
      await store[Symbol.asyncDispose]()
      store = await place.open()
      expect(await newest()).toEqual(before)
    })

    test('replaces only what nobody has replaced since, and its revision grows', async () => {
      const first = must(await store.replace(counting(1), 0))
      expect(must(await store.replace(counting(99), 0))).toEqual({ kind: 'stale' })
      const { revision } = await newest()
      expect(first).toEqual({ kind: 'stored', revision })
      const second = must(await store.replace(counting(2), revision))
      expect(second).toEqual({ kind: 'stored', revision: expect.any(Number) })
      expect((await newest()).revision).toBeGreaterThan(revision)
      expect((await newest()).ledger.configuration).toBe(2)
    })

    test('of many who replace one revision, one succeeds', async () => {
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, n) => store.replace(counting(n + 1), 0)),
      )
      const winners = answers
        .map((answer, n) => (must(answer).kind === 'stored' ? n + 1 : 0))
        .filter((n) => n > 0)
      expect(winners).toHaveLength(1)
      expect((await newest()).ledger.configuration).toBe(winners[0])
    })

    test('tells of a change, of one that is past, and gives up when told', async () => {
      const { signal } = new AbortController()
      const change = store.changed(0, signal)
      must(await store.replace(counting(1), 0))
      await change
      await store.changed(0, signal)
      const { revision } = await newest()
      await store.changed(revision, AbortSignal.abort())
      const given = new AbortController()
      const waiting = store.changed(revision, given.signal)
      given.abort()
      await waiting
    })

    test('forgets a node that reports no more, and replaces what it said before', async () => {
      const report = (node: string, host: string): NodeReport => ({
        node,
        host,
        endpoint: `${host}:4524`,
        copies: null,
        stages: [],
        moves: [],
        problems: {},
      })
      const hosts = async () =>
        must(await store.reports())
          .map(({ host }) => host)
          .sort()
      must(await store.keepReport(report('a', 'one')))
      must(await store.keepReport(report('a', 'three')))
      // Before it is kept, which may take a while itself.
      const since = Date.now()
      must(await store.keepReport(report('b', 'two')))
      expect(await hosts()).toEqual(['three', 'two'])
      while ((await hosts()).includes('two')) must(await store.keepReport(report('a', 'three')))
      expect(Date.now() - since).toBeGreaterThan(NODE_LIFE_MS - 1_000)
      expect(await hosts()).toEqual(['three'])
    })
  })
}

function must<T>(result: Result<T, { readonly message: string }>): T {
  if (result.ok) return result.value
  throw new Error(result.failure.message)
}

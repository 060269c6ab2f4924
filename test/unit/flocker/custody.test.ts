/** Who holds the current copy: whatever order things happen in, there is one, and it has everything. */
import fc from 'fast-check'
import {
  acquireLease,
  createDataset,
  moveDataset,
  releaseLease,
} from '../../../src/flocker/ledger/configure.ts'
import { type CustodyChange, changeCustody } from '../../../src/flocker/ledger/custody.ts'
import { type Dataset, EMPTY_LEDGER, type Ledger } from '../../../src/flocker/ledger/ledger.ts'

const NODES = ['a', 'b', 'c'] as const
const KNOWN: Ledger = {
  ...EMPTY_LEDGER,
  nodes: Object.fromEntries(NODES.map((node) => [node, { host: node, endpoint: `${node}:4524` }])),
}
const NOW_MS = 1_000_000

function begin(): Ledger {
  const made = createDataset(KNOWN, { id: 'd', primary: 'a', metadata: {}, maximumSize: null })
  if (!made.ok) throw new Error(made.failure.description)
  return made.value.ledger
}

function after(ledger: Ledger, ...changes: CustodyChange[]): Ledger {
  return changes.reduce((current, change) => {
    const next = changeCustody(current, change, NOW_MS)
    if (!next.ok) throw new Error(next.failure.description)
    return next.value
  }, ledger)
}

function refused(ledger: Ledger, change: CustodyChange): string {
  const next = changeCustody(ledger, change, NOW_MS)
  if (next.ok) throw new Error('it was not refused')
  expect(next.failure.status).toBe(409)
  return next.failure.description
}

const claim: CustodyChange = { kind: 'claim', dataset: 'd', node: 'a', copy: 'first', generation: 1 }
const handOver: CustodyChange = {
  kind: 'hand-over',
  dataset: 'd',
  node: 'a',
  from: 'first',
  to: 'b',
  copy: 'second',
}
const promote: CustodyChange = { kind: 'promote', dataset: 'd', node: 'b', copy: 'second' }

function moving(): Ledger {
  const moved = moveDataset(after(begin(), claim), 'd', 'b', NOW_MS)
  if (!moved.ok) throw new Error(moved.failure.description)
  return moved.value.ledger
}

test('a copy is claimed, handed over and promoted, and each may be told twice', () => {
  const ledger = after(moving(), handOver, handOver, promote, promote)
  expect(ledger.datasets.d).toMatchObject({
    holder: { node: 'b', generation: 2, copy: 'second' },
    handover: null,
  })
})

test('a second claim is refused: somebody else was faster', () => {
  expect(refused(after(begin(), claim), { ...claim, node: 'b', copy: 'other' })).toContain(
    'node a (a) holds it already',
  )
})

test('a promotion is refused after the holder has taken its copy back', () => {
  const kept = after(moving(), handOver, { kind: 'keep', dataset: 'd', node: 'a', copy: 'first' })
  expect(refused(kept, promote)).toContain('no longer in force')
})

test('the holder cannot take its copy back after the promotion', () => {
  expect(
    refused(after(moving(), handOver, promote), { kind: 'keep', dataset: 'd', node: 'a', copy: 'first' }),
  ).toContain('you do not hold it')
})

test('a promotion that was prepared under an earlier handover is refused', () => {
  const again = after(
    moving(),
    handOver,
    { kind: 'call-off', dataset: 'd', node: 'b' },
    { ...handOver, copy: 'third' },
  )
  expect(refused(again, promote)).toContain('no longer in force')
})

test('nobody hands over to itself', () => {
  expect(refused(after(begin(), claim), { ...handOver, to: 'a' })).toContain('on that node already')
})

test('a promotion told once more does not free a copy that has been handed over since', () => {
  const atB = after(moving(), handOver, promote)
  const moved = moveDataset(atB, 'd', 'c', NOW_MS)
  if (!moved.ok) throw new Error(moved.failure.description)
  const leaving = after(moved.value.ledger, {
    ...handOver,
    node: 'b',
    from: 'second',
    to: 'c',
    copy: 'third',
  })
  expect(refused(leaving, promote)).toContain('no longer in force')
})

test('a promotion is refused when the dataset is wanted elsewhere by now, is leased to another, or is deleted', () => {
  const handed = after(moving(), handOver)
  const elsewhere = moveDataset(handed, 'd', 'c', NOW_MS)
  const leased = acquireLease(handed, { dataset: 'd', node: 'a', expiresSeconds: 1 }, NOW_MS)
  if (!elsewhere.ok || !leased.ok) throw new Error('not set up')
  expect(refused(elsewhere.value.ledger, promote)).toContain('wanted on another node')
  expect(refused(leased.value.ledger, promote)).toContain('node a has the lease')
  const released = releaseLease(leased.value.ledger, 'd', NOW_MS)
  if (!released.ok) throw new Error('not released')
  expect(after(released.value.ledger, promote).datasets.d?.holder?.node).toBe('b')
  const deleted = { ...handed, datasets: { d: { ...handed.datasets.d!, deleted: true } } }
  expect(refused(deleted, promote)).toContain('it has been deleted')
})

test('a lease of the node that takes over is no hindrance', () => {
  const leased = acquireLease(moving(), { dataset: 'd', node: 'b', expiresSeconds: null }, NOW_MS)
  if (!leased.ok) throw new Error('not leased')
  expect(after(leased.value.ledger, handOver, promote).datasets.d?.holder?.node).toBe('b')
})

/**
 * A world beside the ledger: what every copy really contains. Writes go to the current copy while its holder has not set it
 * aside; a copy is made whole from the frozen one. Agents do what they do in any order, on knowledge that may be old.
 */
test('in any order of anything, the current copy has every write', () => {
  const node = fc.constantFrom(...NODES)
  /** What comes next where everybody does as they should: without it moves would hardly ever come to their end. */
  const step = (kind: 'freeze' | 'copy' | 'promote' | 'write', who: 'holder' | 'primary') =>
    ({ kind, node: who }) as const
  const sensible = fc.constantFrom(
    step('freeze', 'holder'),
    step('copy', 'primary'),
    step('promote', 'primary'),
    step('write', 'holder'),
  )
  const anybody = fc.oneof(node, fc.constantFrom('holder' as const, 'primary' as const))
  const act = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), node }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom('lease', 'release', 'release', 'release'), node }),
    },
    { weight: 8, arbitrary: sensible },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('write', 'freeze', 'copy', 'promote', 'thaw', 'call-off'),
        node: anybody,
      }),
    },
  )
  let promotions = 0
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 120 }), (acts) => {
      let ledger = after(begin(), claim)
      let writes = 0
      let names = 0
      const content = new Map([['first', 0]])
      // What each node believes to have: its copy, whether that is frozen, and what it was told to make.
      const copies = new Map([['a', { copy: 'first', frozen: false }]])
      const prepared = new Map<string, string>()
      const handed = new Map<string, { to: string; copy: string }>()
      const apply = (change: CustodyChange) => {
        const next = changeCustody(ledger, change, NOW_MS)
        if (next.ok) ledger = next.value
        return next.ok
      }
      const dataset = (): Dataset => ledger.datasets.d!
      for (const { kind, node: who } of acts) {
        const node = who === 'holder' ? dataset().holder!.node : who === 'primary' ? dataset().primary : who
        const own = copies.get(node)
        switch (kind) {
          case 'move':
          case 'lease':
          case 'release': {
            const next =
              kind === 'move'
                ? moveDataset(ledger, 'd', node, NOW_MS)
                : kind === 'lease'
                  ? acquireLease(ledger, { dataset: 'd', node, expiresSeconds: null }, NOW_MS)
                  : releaseLease(ledger, 'd', NOW_MS)
            if (next.ok) ledger = next.value.ledger
            break
          }
          case 'write':
            // A container on any node that has a copy in place, the current one or not.
            if (own !== undefined && !own.frozen) {
              if (own.copy === dataset().holder?.copy) writes++
              content.set(own.copy, own.copy === dataset().holder?.copy ? writes : -1)
            }
            break
          case 'freeze':
            if (own !== undefined) {
              copies.set(node, { ...own, frozen: true })
              const to = dataset().primary
              const copy = `copy ${names++}`
              if (apply({ kind: 'hand-over', dataset: 'd', node, from: own.copy, to, copy }))
                handed.set(to, { to, copy })
            }
            break
          case 'copy': {
            // From whoever holds it as far as this node knows, under the handover it was told of.
            const told = handed.get(node)
            const source = [...copies.values()].find(
              ({ frozen, copy }) => frozen && copy === dataset().holder?.copy,
            )
            if (told !== undefined && source !== undefined && !prepared.has(told.copy)) {
              content.set(told.copy, content.get(source.copy)!)
              prepared.set(told.copy, node)
            }
            break
          }
          case 'promote':
            for (const [copy, by] of prepared)
              if (by === node && apply({ kind: 'promote', dataset: 'd', node, copy })) {
                promotions++
                copies.set(node, { copy, frozen: false })
                prepared.delete(copy)
              }
            break
          case 'thaw':
            if (own?.frozen === true && apply({ kind: 'keep', dataset: 'd', node, copy: own.copy }))
              copies.set(node, { ...own, frozen: false })
            break
          case 'call-off':
            apply({ kind: 'call-off', dataset: 'd', node })
            break
        }
        expect(content.get(dataset().holder!.copy)).toBe(writes)
      }
    }),
    { numRuns: 800 },
  )
  expect(promotions).toBeGreaterThan(100)
})

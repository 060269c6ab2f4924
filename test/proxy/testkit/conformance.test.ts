/** The conformance kit's own test: it finds each fault that was put into an adapter, and none in good ones. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BUILT_IN_NAMES, loadBuiltIn } from '../../../src/built-ins.ts'
import { serve } from '../../../src/sdk/serve.ts'
import { CATEGORIES } from '../../../src/testkit/checks/all.ts'
import {
  type ConformanceReport,
  type ConformanceTerms,
  runConformance,
  type Target,
  targetAt,
} from '../../../src/testkit/index.ts'
import { startAdapters } from '../../support/adapters/start.ts'
import { sendJson, startEngine } from '../../support/cases/engine.ts'
import { startByHand } from '../../support/conformance/by-hand.ts'
import { FAULTS, OLD_FAULTS } from '../../support/conformance/faults.ts'

/** The whole kit against each fault takes minutes; otherwise each meets the checks of its own category. */
const WHOLE = process.env.POWERSTRIP_LONG === '1'

const SILENT = { info() {}, warn() {}, error() {} }

async function report(target: Target, terms: ConformanceTerms = {}): Promise<ConformanceReport> {
  const ran = await runConformance(target, { timeoutMs: 20_000, ...terms })
  if (!ran.ok) throw new Error(ran.failure)
  return ran.value
}

function ids({ results }: ConformanceReport, kind: 'pass' | 'fail' | 'skip'): string[] {
  return results.filter(({ verdict }) => verdict.kind === kind).map(({ id }) => id)
}

function failures({ results }: ConformanceReport): unknown[] {
  return results.flatMap(({ id, verdict }) => (verdict.kind === 'fail' ? [{ id, ...verdict.finding }] : []))
}

test('ids are permanent: none is missing, and each new one is at the end of its category', () => {
  const numbers = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${prefix}-${String(at + 1).padStart(2, '0')}`)
  expect(CATEGORIES.flatMap(({ checks }) => checks.map(({ id }) => id))).toEqual([
    ...numbers('PS1-CORE', 6),
    ...numbers('PS1-ROB', 6),
    ...numbers('PS2-HSK', 4),
    ...numbers('PS2-DEC', 4),
    ...numbers('PS2-MUT', 5),
    ...numbers('PS2-UNW', 4),
    ...numbers('PS2-DLN', 2),
    ...numbers('PS2-LIM', 2),
    ...numbers('PS2-HOS', 4),
    ...numbers('PS2-IDM', 2),
    ...numbers('PS2-DRY', 2),
    ...numbers('PS2-STR', 2),
    ...numbers('PS2-AUT', 4),
  ])
})

test('each check has a fault that it finds', () => {
  const found = new Set([...OLD_FAULTS.map(([id]) => id), ...FAULTS.map(({ id }) => id)])
  expect(
    CATEGORIES.flatMap(({ checks }) => checks.map(({ id }) => id)).filter((id) => !found.has(id)),
  ).toEqual([])
})

describe('no false alarms', () => {
  test('on an adapter of protocol 1 in Python, over TCP and over a unix socket', async () => {
    await using python = await startAdapters('../conformance/old.py')
    for (const via of ['http', 'unix'] as const) {
      const ran = await report(python.at(via, '/good'), { protocol: 'auto' })
      expect(failures(ran)).toEqual([])
      expect(ran.protocols).toEqual([1])
      expect(ids(ran, 'pass')).toHaveLength(12)
    }
  })

  test('on an adapter of protocol 2 that was written by hand', async () => {
    await using adapter = await startByHand()
    const ran = await report(targetAt(adapter.url))
    expect(failures(ran)).toEqual([])
    expect(ran).toMatchObject({ adapter: { name: 'by-hand', version: '1.0.0' }, protocols: [2] })
    expect(ids(ran, 'skip').filter((id) => id.startsWith('PS2-'))).toEqual([
      'PS2-AUT-01',
      'PS2-AUT-02',
      'PS2-AUT-03',
      'PS2-AUT-04',
    ])
  })

  test.each(['bearer', 'hmac'] as const)('on one that knows its caller by %s', async (kind) => {
    await using secret = await secretFile('whisper')
    await using adapter = await startByHand(kind === 'bearer' ? { token: 'whisper' } : { key: 'whisper' })
    const ran = await report({ ...targetAt(adapter.url), auth: { kind, file: secret.path } })
    expect(failures(ran)).toEqual([])
    expect(ids(ran, 'skip').filter((id) => id.startsWith('PS2-'))).toEqual(
      kind === 'bearer' ? ['PS2-AUT-03', 'PS2-AUT-04'] : [],
    )
  })

  test.each(BUILT_IN_NAMES)('on our own adapter %s', async (name) => {
    await using engine = await startEngine((_request, response) =>
      sendJson(response, 404, { message: 'there is nothing of this name' }),
    )
    const address = `unix://${(engine.address as { readonly path: string }).path}`
    await using secret = await secretFile('')
    const settings = optionsOf(name, address, dirname(secret.path))
    const served = await serve((await loadBuiltIn(name))!, {
      listen: 'http://127.0.0.1:0',
      with: settings,
      log: SILENT,
    })
    try {
      const ran = await report(targetAt(served.address), settings === undefined ? {} : { with: settings })
      expect(failures(ran)).toEqual([])
      expect(ids(ran, 'pass').length).toBeGreaterThanOrEqual(12)
    } finally {
      await served.close()
    }
  })
})

function optionsOf(name: string, engine: string, folder: string): unknown {
  switch (name) {
    case 'slowreq':
      return { delay: '5ms' }
    case 'record':
      return { out: folder }
    case 'restrict-image':
      return { allow: ['_'] }
    case 'logfiles':
      return { root: '/nowhere', engine }
    case 'flocker':
      return { control: 'http://127.0.0.1:1', node: 'host1', engine, leases: 'none' }
    case 'sandbox':
    case 'weave':
      return { engine }
    default:
      return undefined
  }
}

describe('each fault is found', () => {
  test(`${OLD_FAULTS.length} adapters of protocol 1 in Python`, async () => {
    console.info(`against the ${WHOLE ? 'whole kit' : 'checks of each fault’s own category'}`)
    await using python = await startAdapters('../conformance/old.py')
    const missed: string[] = []
    for (const [id, fault] of OLD_FAULTS) {
      const ran = await report(python.at('http', `/${fault}`), { protocol: 1, ...focusOn(id) })
      if (!ids(ran, 'fail').includes(id)) missed.push(`${id} ${fault}`)
    }
    expect(missed).toEqual([])
  })

  test(`${FAULTS.length} adapters of protocol 2`, async () => {
    await using secret = await secretFile('whisper')
    const missed: string[] = []
    for (const { id, what, fault, auth } of FAULTS) {
      await using adapter = await startByHand(fault)
      const target = targetAt(adapter.url)
      const ran = await report(
        auth === undefined ? target : { ...target, auth: { kind: auth, file: secret.path } },
        {
          protocol: 2,
          ...focusOn(id),
        },
      )
      if (!ids(ran, 'fail').includes(id)) missed.push(`${id} ${what}`)
    }
    expect(missed).toEqual([])
  })
})

function focusOn(id: string): ConformanceTerms {
  return WHOLE ? {} : { focus: new RegExp(`^${id.slice(0, id.lastIndexOf('-'))}-`) }
}

async function secretFile(text: string): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  const path = join(folder, 'secret')
  await writeFile(path, `${text}\n`)
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

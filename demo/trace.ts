/**
 * What each adapter did to each request, told from what powerstrip's own `debug` adapter sees between them.
 *
 * In the demo's configuration it stands before, between and after the adapters of every chain, as an operator would put it
 * there to find out which adapter did what.
 */
import { isMap, isScalar, isSeq, parse, parseDocument } from 'yaml'
import type { LogLine, Powerstrip } from '../test/support/powerstrip.ts'
import { say } from './tell.ts'

const WITNESS = 'seen'

/** What the marks of a trace mean. */
export const LEGEND =
  '(→ a request on its way to the engine, ← the answer to it, │ what an adapter says in its own words)'

/** The same configuration with a witness on both sides of every adapter. */
export function withWitnesses(yml: string): string {
  const document = parseDocument(yml)
  const endpoints = document.get('endpoints')
  if (!isMap(endpoints)) throw new Error('the configuration has no endpoints')
  for (const { value: hooks } of endpoints.items) {
    if (!isMap(hooks)) continue
    for (const list of hooks.items.map(({ value }) => value)) {
      if (!isSeq(list)) continue
      const names = list.items.map((item) => (isScalar(item) ? String(item.value) : String(item)))
      list.items = [WITNESS, ...names.flatMap((name) => [name, WITNESS])].map((name) =>
        document.createNode(name),
      )
    }
  }
  document.setIn(['adapters', WITNESS], document.createNode({ use: 'debug', with: { full: true } }))
  return document.toString()
}

interface Sight {
  readonly hook: 'pre' | 'post'
  readonly method: string
  readonly target: string
  readonly operation: string
  readonly body: unknown
  readonly response?: { readonly code: number; readonly body: unknown }
}

/** Tells what adapters have done since it was told the last time. */
export class Trace {
  readonly #powerstrip: Powerstrip
  readonly #chains: readonly Chain[]
  #from: number

  constructor(powerstrip: Powerstrip, yml: string) {
    this.#powerstrip = powerstrip
    this.#chains = chainsIn(yml)
    this.#from = powerstrip.log.length
  }

  tell(): void {
    const logged = this.#powerstrip.log.slice(this.#from)
    this.#from += logged.length
    const lines = logged.flatMap((line) => wordsIn(line) ?? [])
    const told: Told[] = []
    const underway = new Map<string, Told & { sight: Sight }>()
    for (const line of lines) {
      const sight = sightIn(line)
      const key = `${sight?.hook} ${sight?.target}`
      const before = underway.get(key)
      if (sight === undefined) told.push({ head: `│ ${line}`, adapters: [], passed: 0, changes: [] })
      else if (before === undefined) {
        const mark = sight.hook === 'pre' ? '→' : '←'
        const head = `${mark} ${sight.operation} ${sight.target.replace(/^\/v[0-9.]+/, '')}`
        const exchange = { head, adapters: this.#adaptersOf(sight), passed: 0, changes: [], sight }
        told.push(exchange)
        underway.set(key, exchange)
      } else {
        const adapter = before.adapters[before.passed++]
        before.changes.push(...changesBetween(before.sight, sight).map((change) => `${adapter}: ${change}`))
        before.sight = sight
      }
    }
    for (const exchange of told) {
      say(short(`    ${exchange.head}${endOf(exchange)}`))
      for (const change of exchange.changes) say(short(`      ${change}`))
    }
  }

  #adaptersOf({ hook, operation }: Sight): readonly string[] {
    return this.#chains
      .filter(({ operations }) => operations.includes(operation))
      .flatMap((chain) => chain[hook])
      .filter((name) => name !== WITNESS)
  }
}

/** One hooked request or answer, as it is told. */
interface Told {
  readonly head: string
  readonly adapters: readonly string[]
  /** How many of them have let it go on. */
  passed: number
  readonly changes: string[]
}

function endOf({ adapters, passed, changes }: Told): string {
  if (passed < adapters.length) return `  (stopped by ${adapters[passed]})`
  if (passed > 0 && changes.length === 0) return `  (${adapters.join(', ')}: nothing to change)`
  return ''
}

/** Ids are told by their beginnings. */
function short(text: string): string {
  return text
    .replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1')
    .replace(/\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '$1…')
}

interface Chain {
  readonly operations: readonly string[]
  readonly pre: readonly string[]
  readonly post: readonly string[]
}

function chainsIn(yml: string): readonly Chain[] {
  const { endpoints } = parse(yml) as {
    endpoints: Readonly<Record<string, { pre?: readonly string[]; post?: readonly string[] }>>
  }
  return Object.entries(endpoints).map(([operations, { pre = [], post = [] }]) => ({
    operations: operations.split(' | '),
    pre,
    post,
  }))
}

function changesBetween(before: Sight, after: Sight): readonly string[] {
  return [
    ...changesIn('', before.body, after.body),
    ...changesIn('answer', before.response?.body, after.response?.body),
  ]
}

/** What an adapter within powerstrip says in its own words. What powerstrip says of one names the operation too. */
function wordsIn({ adapter, operation, msg }: LogLine): string | undefined {
  if (adapter === undefined || operation !== undefined) return undefined
  return adapter === WITNESS ? String(msg) : `${adapter}: ${msg}`
}

function sightIn(line: string): Sight | undefined {
  if (!line.startsWith('{"hook":')) return undefined
  return JSON.parse(line) as Sight
}

/** What is different, a line for each value. */
function changesIn(path: string, before: unknown, after: unknown): readonly string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => changesIn(path === '' ? key : `${path}.${key}`, before[key], after[key]))
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((value, at) => changesIn(`${path}[${at}]`, value, after[at]))
  if (before === undefined || before === null) return [`${path} = ${JSON.stringify(after)}`]
  if (after === undefined) return [`${path} removed`]
  return [`${path} ${JSON.stringify(before)} → ${JSON.stringify(after)}`]
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Adapters that refuse are asked last: what changes a request behind them, nobody has judged (PS-ADAPTER-005). */
import { OPERATIONS } from '../route/operations.ts'
import { reaches } from '../route/unshown.ts'
import type { AdapterConfig, Rule } from './config.ts'
import type { Problems, Span } from './problem.ts'
import { quote } from './tree.ts'

/** Of the adapters that come with powerstrip it is known what they are for; others may do both. */
const JUDGES: ReadonlySet<string> = new Set(['restrict-image', 'sandbox'])
const CHANGE_NOTHING: ReadonlySet<string> = new Set([
  'debug',
  'logfiles',
  'record',
  'restrict-image',
  'slowreq',
])

export interface PlacedRule {
  readonly rule: Rule
  readonly at: Span
}

export function warnOfEarlyJudges(
  rules: readonly PlacedRule[],
  adapters: ReadonlyMap<string, AdapterConfig>,
  problems: Problems,
): void {
  const builtIn = (name: string) => {
    const adapter = adapters.get(name)
    return (adapter?.kind === 'in-process' && adapter.use) || ''
  }
  const isJudge = (name: string) => JUDGES.has(builtIn(name))
  if (!rules.some(({ rule }) => rule.pre.some(({ adapter }) => isJudge(adapter)))) return

  for (const operation of OPERATIONS) {
    const asked = rules.filter(({ rule }) => reaches(rule.pattern, operation))
    const judgesAgain = new Set(asked.flatMap(({ rule }) => rule.validate.map(({ adapter }) => adapter)))
    const pre = asked.flatMap(({ rule, at }) => rule.pre.map(({ adapter }) => ({ adapter, at })))
    for (const [place, { adapter, at }] of pre.entries()) {
      if (!isJudge(adapter) || judgesAgain.has(adapter)) continue
      const later = pre.slice(place + 1).map((one) => one.adapter)
      // Asked again further down, it has the last word there.
      if (later.includes(adapter)) continue
      const changer = later.find((name) => !CHANGE_NOTHING.has(builtIn(name)))
      if (changer === undefined) continue
      const message = `${quote(adapter)} judges before ${quote(changer)}, which may change the request after; list ${quote(adapter)} last, or under "validate" of version 2 (PS-ADAPTER-005)`
      problems.warn('judges-early', at, message)
    }
  }
}

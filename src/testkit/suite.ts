/** Conformance as tests of whatever runner has `describe` and `it`. */

import { parseAdapterUrl } from '../config/adapter-url.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import { serve } from '../sdk/serve.ts'
import type { Target } from './caller.ts'
import { CATEGORIES } from './checks/all.ts'
import { type ConformanceTerms, runConformance } from './conformance.ts'
import { tableLine } from './report/table.ts'

export type Describe = (name: string, define: () => void) => unknown
export type It = (name: string, run: () => Promise<void>) => unknown

/**
 * A test for each check. `adapter`: what `defineAdapter` made, which is served for each test anew, or the URL of one that
 * runs: `http://127.0.0.1:4000`, `unix:///run/adapter.sock`. A check that does not apply to it passes.
 */
export function conformance(
  adapter: AdapterDefinition | string,
  describe: Describe,
  it: It,
  terms: ConformanceTerms = {},
): void {
  for (const { name, protocol, checks } of CATEGORIES) {
    if (terms.protocol === 1 && protocol === 2) continue
    if (terms.protocol === 2 && protocol === 1) continue
    describe(name, () => {
      for (const { id, title } of checks) {
        if (terms.focus?.test(`${id} ${title}`) === false || terms.skip?.test(`${id} ${title}`)) continue
        it(`${id} ${title}`, () => runOne(adapter, { ...terms, focus: new RegExp(`^${id} `) }))
      }
    })
  }
}

async function runOne(adapter: AdapterDefinition | string, terms: ConformanceTerms): Promise<void> {
  const served =
    typeof adapter === 'string'
      ? undefined
      : await serve(adapter, { listen: 'http://127.0.0.1:0', with: terms.with, log: SILENT })
  try {
    const report = await runConformance(targetAt(served?.address ?? (adapter as string)), terms)
    if (!report.ok) throw new Error(report.failure)
    for (const result of report.value.results)
      if (result.verdict.kind === 'fail') throw new Error(`\n${tableLine(result)}`)
  } finally {
    await served?.close()
  }
}

const SILENT = { info() {}, warn() {}, error() {} }

/** Throws for what is no address of an adapter. */
export function targetAt(url: string): Target {
  const address = parseAdapterUrl(url)
  if (!address.ok) throw new TypeError(address.failure.message)
  return { url, address: address.value }
}

/** The adapters that come with powerstrip, by the names that `use` takes. Each is loaded when it is first wanted. */
import type { AdapterDefinition } from './sdk/define-adapter.ts'

const BUILT_INS: Readonly<Record<string, () => Promise<{ readonly default: AdapterDefinition }>>> = {
  debug: () => import('../adapters/debug/adapter.ts'),
  flocker: () => import('../adapters/flocker/adapter.ts'),
  logfiles: () => import('../adapters/logfiles/adapter.ts'),
  record: () => import('./testkit/recorder.ts'),
  'restrict-image': () => import('../adapters/restrict-image/adapter.ts'),
  sandbox: () => import('../adapters/sandbox/adapter.ts'),
  slowreq: () => import('../adapters/slowreq/adapter.ts'),
  weave: () => import('../adapters/weave/adapter.ts'),
}

export const BUILT_IN_NAMES: readonly string[] = Object.keys(BUILT_INS)

/** `undefined`: there is none of this name. */
export async function loadBuiltIn(name: string): Promise<AdapterDefinition | undefined> {
  const load = Object.hasOwn(BUILT_INS, name) ? BUILT_INS[name] : undefined
  return (await load?.())?.default
}

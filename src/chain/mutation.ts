/** Header changes of several hooks, one after the other. */
import type { HeaderMutation, HookHeaders } from '../model/hook.ts'

/** Both, as one: the later one wins where they name the same field. */
export function mutated(earlier: HeaderMutation | undefined, later: HeaderMutation): HeaderMutation {
  if (earlier === undefined) return later
  const set = new Map(Object.entries(earlier.set))
  for (const name of later.remove) set.delete(name)
  for (const [name, value] of Object.entries(later.set)) set.set(name, value)
  const remove = new Set([...earlier.remove, ...later.remove])
  for (const name of Object.keys(later.set)) remove.delete(name)
  return { set: Object.fromEntries(set), remove: [...remove] }
}

export function mutatedHeaders(headers: HookHeaders, { set, remove }: HeaderMutation): HookHeaders {
  const fields = new Map(Object.entries(headers))
  for (const name of remove) fields.delete(name)
  for (const [name, value] of Object.entries(set)) fields.set(name, [value])
  return Object.fromEntries(fields)
}

/** Header changes of hooks, made to the fields of a head. */
import type { Field } from './http1/head.ts'
import type { HeaderMutation } from './model/hook.ts'

/** Fields that stay keep their order and spelling; those that were set stand behind them. */
export function mutatedFields(
  fields: readonly Field[],
  mutation: HeaderMutation | undefined,
): readonly Field[] {
  if (mutation === undefined) return fields
  const { set, remove } = mutation
  const kept = fields.filter(({ key }) => !remove.includes(key) && !Object.hasOwn(set, key))
  const added = Object.entries(set).map(([name, value]) => ({ name, key: name, value, start: 0, end: 0 }))
  return [...kept, ...added]
}

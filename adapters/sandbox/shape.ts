/**
 * Reading bodies by a table of fields. A field that the table does not have is a finding, and so is a value of another
 * type than the engine's: what a rule cannot read, it cannot have judged.
 */
import { isJsonObject, type Json, type JsonObject } from 'powerstrip/sdk'
import { type Concern, forbidden, quoted, setting } from './concern.ts'
import type { Policy } from './policy.ts'
import type { RuleId } from './rules.ts'

/** Judges one field that is there and not null. `put` writes another value in its place. */
export type FieldRule = (
  value: Json,
  policy: Policy,
  field: string,
  put: (value: Json) => void,
) => Iterable<Concern>

export type FieldRules = Readonly<Record<string, FieldRule>>

/** Concerns the container alone. */
export const HARMLESS: FieldRule = () => []

export interface Naming {
  /** `HostConfig.`, for messages. */
  readonly prefix?: string
  readonly unknown?: RuleId
}

export function* judgeFields(
  body: JsonObject,
  rules: FieldRules,
  policy: Policy,
  { prefix = '', unknown = 'PS-FIELD-001' }: Naming = {},
): Iterable<Concern> {
  for (const [field, value] of Object.entries(body)) {
    if (value === undefined || value === null) continue
    const rule = Object.hasOwn(rules, field) ? rules[field] : undefined
    const put = (other: Json) => {
      body[field] = other
    }
    if (rule !== undefined) yield* rule(value, policy, prefix + field, put)
    else if (!policy.fields.includes(prefix + field))
      yield forbidden(
        unknown,
        `the field ${quoted(prefix + field)}, which no rule knows`,
        setting('fields', prefix + field),
      )
  }
}

function otherType(field: string, wanted: string): Concern {
  return forbidden('PS-FIELD-001', `${field} that is not ${wanted}`, `sending ${wanted}`)
}

type JudgeText = (
  text: string,
  policy: Policy,
  field: string,
  put: (text: string) => void,
) => Iterable<Concern>

/** A rule for a list of texts; one text alone is a list of one, as the engine reads some fields. */
export function eachText(judge: JudgeText): FieldRule {
  return function* (value, policy, field, put) {
    if (typeof value === 'string') yield* judge(value, policy, field, put)
    else if (!Array.isArray(value)) yield otherType(field, 'a list of texts')
    else
      for (const [at, item] of value.entries()) {
        const putItem = (text: string) => {
          value[at] = text
        }
        if (typeof item === 'string') yield* judge(item, policy, field, putItem)
        else yield otherType(field, 'a list of texts')
      }
  }
}

/** A rule for text that is not empty. */
export function text(judge: JudgeText): FieldRule {
  return function* (value, policy, field, put) {
    if (typeof value !== 'string') yield otherType(field, 'text')
    else if (value !== '') yield* judge(value, policy, field, put)
  }
}

/** A rule for a switch that is on. */
export function whenTrue(judge: (policy: Policy, field: string) => Iterable<Concern>): FieldRule {
  return function* (value, policy, field) {
    if (typeof value !== 'boolean') yield otherType(field, 'true or false')
    else if (value) yield* judge(policy, field)
  }
}

/** A rule for a map. */
export function map(
  judge: (value: JsonObject, policy: Policy, field: string) => Iterable<Concern>,
): FieldRule {
  return function* (value, policy, field) {
    if (isJsonObject(value)) yield* judge(value, policy, field)
    else yield otherType(field, 'a map')
  }
}

/** A rule for a list of maps. */
export function eachMap(
  judge: (value: JsonObject, policy: Policy, field: string) => Iterable<Concern>,
): FieldRule {
  return function* (value, policy, field) {
    if (!Array.isArray(value)) yield otherType(field, 'a list of maps')
    else
      for (const item of value) {
        if (isJsonObject(item)) yield* judge(item, policy, field)
        else if (item !== null) yield otherType(field, 'a list of maps')
      }
  }
}

/** A rule for a map by a table of its own. */
export function nested(rules: FieldRules): FieldRule {
  return map((value, policy, field) => judgeFields(value, rules, policy, { prefix: `${field}.` }))
}

/** Refuses whatever is given, unless the policy says otherwise. */
export function unless(allowed: (policy: Policy) => boolean, rule: RuleId, remedy: string): FieldRule {
  return function* (value, policy, field) {
    if (!isEmpty(value) && !allowed(policy)) yield forbidden(rule, `${field} ${quoted(value)}`, remedy)
  }
}

/** What the engine takes as well for "not given". */
function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (isJsonObject(value)) return Object.keys(value).length === 0
  return value === '' || value === false || value === 0
}

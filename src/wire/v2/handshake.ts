/** How proxy and adapter agree on protocol 2: `OPTIONS` on the adapter's URL, and what it answers. */
import { AS_WRITTEN, structOf } from '../../gate/shape.ts'
import { type AdapterAbilities, HOOK_TYPES } from '../../model/call.ts'
import { failed, ok, type Result } from '../../model/result.ts'
import { readStrictly } from '../strict.ts'
import type { Reply } from '../v1.ts'
import { V2_TYPE } from './fields.ts'

/** `old`: the adapter does not speak protocol 2. `problem`: it does, or seems to, and cannot be used like this. */
export type HandshakeFailure =
  | { readonly kind: 'old' }
  | { readonly kind: 'problem'; readonly problem: string }

export function encodeAbilities(abilities: AdapterAbilities): string {
  const { name, version, protocols, operations, sideEffects, idempotent } = abilities
  return JSON.stringify({
    PowerstripProtocolVersion: 2,
    Name: name,
    Version: version,
    ProtocolVersions: protocols,
    Implements: abilities.implements,
    Operations: operations,
    PatchTypes: ['JSONPatch', 'JSONMergePatch'],
    BodyEncodings: ['json', 'utf8', 'base64'],
    SideEffects: sideEffects,
    Idempotent: idempotent,
    MaxBodyBytes: abilities.maxBodyBytes,
    MaxConnections: abilities.maxConnections,
    OptionsTtl: abilities.optionsTtlS,
    ISTag: abilities.isTag,
  })
}

/** `contentType`: that of the reply. */
export function decodeAbilities(
  { status, body }: Reply,
  contentType: string | undefined,
): Result<AdapterAbilities, HandshakeFailure> {
  // What a gateway says for an adapter that is still starting; taken for protocol 1, it would stay that.
  if (status >= 502 && status <= 504) return problem(`it answered ${status} to OPTIONS`)
  // It wants a proof that the configuration does not give; protocol 1 has none at all.
  if (status === 401) return problem('it answered 401 to OPTIONS: "auth" is missing, or not what it expects')
  if (status === 404 || status === 405 || status === 501) return failed({ kind: 'old' })
  if (contentType?.split(';', 1)[0]?.trim().toLowerCase() !== V2_TYPE) return failed({ kind: 'old' })
  if (status !== 200) return problem(`it answered ${status} to OPTIONS`)
  const read = readStrictly(body ?? '', ABILITIES, 'its answer to OPTIONS')
  if (!read.ok) return problem(read.failure)
  const { fields } = read.value
  const { Name: name, Version: version, Implements: types, Operations: operations } = fields
  const { ProtocolVersions: protocols = [2], SideEffects: sideEffects = 'Some' } = fields
  if (!Array.isArray(protocols) || !protocols.includes(2))
    return problem('its ProtocolVersions do not hold 2')
  if (typeof name !== 'string' || name === '') return problem('its Name is not a string')
  if (version !== undefined && typeof version !== 'string') return problem('its Version is not a string')
  if (!isTexts(types)) return problem('its Implements is not an array of hook types')
  if (operations !== undefined && !isTexts(operations))
    return problem('its Operations is not an array of operation ids')
  const effects = SIDE_EFFECTS.find((known) => known === sideEffects)
  if (effects === undefined) return problem(`its SideEffects is none of ${SIDE_EFFECTS.join(', ')}`)
  const numbers = readNumbers(fields)
  if (typeof numbers === 'string') return problem(numbers)
  const isTag = fields.ISTag
  if (isTag !== undefined && typeof isTag !== 'string') return problem('its ISTag is not a string')
  return ok({
    name,
    version,
    protocols: protocols.filter((item) => typeof item === 'number'),
    implements: HOOK_TYPES.filter((known) => types.includes(known)),
    operations,
    sideEffects: effects,
    idempotent: fields.Idempotent === true,
    ...numbers,
    isTag,
  })
}

const ABILITIES = structOf(
  Object.fromEntries(
    [
      'PowerstripProtocolVersion',
      'Name',
      'Version',
      'ProtocolVersions',
      'Implements',
      'Operations',
      'PatchTypes',
      'BodyEncodings',
      'SideEffects',
      'Idempotent',
      'MaxBodyBytes',
      'MaxConnections',
      'OptionsTtl',
      'ISTag',
    ].map((name) => [name, AS_WRITTEN]),
  ),
)

const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some'] as const

function readNumbers(fields: { readonly [name: string]: unknown }) {
  const { MaxBodyBytes: maxBodyBytes, MaxConnections: maxConnections, OptionsTtl: optionsTtlS } = fields
  for (const [name, value] of Object.entries({
    MaxBodyBytes: maxBodyBytes,
    MaxConnections: maxConnections,
    OptionsTtl: optionsTtlS,
  }))
    if (value !== undefined && !(typeof value === 'number' && Number.isInteger(value) && value > 0))
      return `its ${name} is not a whole number above 0`
  return { maxBodyBytes, maxConnections, optionsTtlS } as Pick<
    AdapterAbilities,
    'maxBodyBytes' | 'maxConnections' | 'optionsTtlS'
  >
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function problem(what: string): { readonly ok: false; readonly failure: HandshakeFailure } {
  return { ok: false, failure: { kind: 'problem', problem: what } }
}

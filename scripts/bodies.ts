/**
 * Writes `src/gate/bodies.ts` from Docker's own descriptions of its API (swagger files, newest first):
 *
 *     npx tsx scripts/bodies.ts newest.yaml v1.45.yaml v1.41.yaml > src/gate/bodies.ts
 *
 * The table says which keys the engine knows in the JSON of each request, how it spells them, and where keys are the
 * user's own. It is the union of the descriptions, so a field that newer engines have dropped is still known for those
 * that have it. Only facts are taken: names of operations, types and fields, and what holds what.
 *
 * What the descriptions leave out or say wrongly about the engine is written down below, each entry with its reason.
 * Every entry must still change something: one that the newest description has caught up with is reported as stale.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Schema, Swagger } from './swagger.ts'

/** A type as `src/gate/shape.ts` reads it. */
type Expression = string
type Fields = Record<string, Expression>

interface Correction {
  readonly type: string
  readonly because: string
  readonly fields: Readonly<Record<string, Expression | null>>
}

/** `null` as an expression: there is no such field. */
const CORRECTIONS: readonly Correction[] = [
  {
    type: 'ContainerConfig',
    because: 'described as lists; the engine takes one string for a list of it',
    fields: { Cmd: 'text[]', Entrypoint: 'text[]', Shell: 'text[]' },
  },
  {
    type: 'HostConfig',
    because: 'described as lists; the engine takes one string for a list of it',
    fields: { CapAdd: 'text[]', CapDrop: 'text[]' },
  },
  {
    type: 'Mount',
    because: 'read by the engine, described nowhere',
    fields: { ClusterOptions: '{}' },
  },
  {
    type: 'ContainerExecBody',
    because: 'sent by every client that detaches, described only for the start',
    fields: { Detach: '' },
  },
  {
    type: 'AuthConfig',
    because: 'what credential helpers hand out in the place of a password',
    fields: { auth: '', identitytoken: '', registrytoken: '' },
  },
  {
    type: 'TaskSpec.ContainerSpec',
    because: 'the engine spells it as in a container',
    fields: { HealthCheck: null, Healthcheck: 'HealthConfig' },
  },
  {
    type: 'TaskSpec.PluginSpec',
    because: 'the engine spells all of it in lower case, and calls the list privileges',
    fields: {
      Name: null,
      Remote: null,
      Disabled: null,
      PluginPrivilege: null,
      name: '',
      remote: '',
      disabled: '',
      privileges: '[]PluginSpecPrivilege',
      env: '[]',
    },
  },
  {
    type: 'SwarmInitBody',
    because: 'read by the engine, missing from the description',
    fields: { AutoLockManagers: '', Availability: '' },
  },
  { type: 'SwarmJoinBody', because: 'as in SwarmInit', fields: { Availability: '' } },
  {
    type: 'ClusterVolumeSpec',
    because: 'described one level too deep',
    fields: {
      Secrets: '[]ClusterVolumeSpec.AccessMode.Secrets.Item',
      AccessibilityRequirements: 'ClusterVolumeSpec.AccessMode.AccessibilityRequirements',
      CapacityRange: 'ClusterVolumeSpec.AccessMode.CapacityRange',
      Availability: '',
    },
  },
  {
    type: 'ClusterVolumeSpec.AccessMode',
    because: 'described without its fields; the others stand one level higher',
    fields: {
      MountVolume: 'VolumeMountAccess',
      BlockVolume: '{}',
      Secrets: null,
      AccessibilityRequirements: null,
      CapacityRange: null,
      Availability: null,
    },
  },
]

/** Types that no description has. */
const ADDITIONS: Readonly<Record<string, { readonly because: string; readonly fields: Fields }>> = {
  VolumeMountAccess: { because: 'described without fields', fields: { FsType: '', MountFlags: '[]' } },
  PluginSpecPrivilege: {
    because: 'spelled unlike the privileges of other requests',
    fields: { name: '', description: '', value: '[]' },
  },
  CheckpointCreateBody: {
    because: 'experimental, never described',
    fields: { CheckpointID: '', CheckpointDir: '', Exit: '' },
  },
  ContainerCopyBody: { because: 'the request of API versions below 1.24', fields: { Resource: '' } },
  Ulimit: {
    because: 'JSON within a query is described in words only',
    fields: { Name: '', Hard: '', Soft: '' },
  },
  BuildOutput: { because: 'JSON within a query', fields: { Type: '', Attrs: '{}' } },
  ImagePlatform: {
    because: 'JSON within a query; not the platform of a service',
    fields: { architecture: '', os: '', 'os.version': '', 'os.features': '[]', variant: '' },
  },
}

const ADDED_BODIES: Readonly<Record<string, Expression>> = {
  CheckpointCreate: 'CheckpointCreateBody',
  ContainerCopy: 'ContainerCopyBody',
  // Engines look for credentials here where the header has none.
  ImagePush: 'AuthConfig',
}

/** The body may be `null` where the engine's own client sends that for "nothing": it commits without changes. */
const NULLABLE: readonly string[] = ['ImageCommit']

/** What JSON within a query holds. */
const QUERY_JSON: Readonly<Record<string, Expression>> = {
  filters: '{}{}',
  buildargs: '{}',
  labels: '{}',
  cachefrom: '[]',
  ulimits: '[]Ulimit',
  outputs: '[]BuildOutput',
  platform: 'ImagePlatform',
}

/**
 * Engines up to 26.1 read the fields of HostConfig at the top level of a create too (PS-LIFE-009), and `Cpuset` as an
 * old name. The mark says that they are astray there.
 */
const ASTRAY = '^'

const types = new Map<string, Fields>()
const bodies = new Map<string, Expression>()

function addDescription(swagger: Swagger): void {
  const seen = new Set<string>()
  const typeNamed = (name: string): Expression => {
    const schema = swagger.definitions[name]
    if (schema === undefined) throw new Error(`no definition of ${name}`)
    if (!isStruct(schema)) return expressionOf(schema, name)
    if (!seen.has(name)) {
      seen.add(name)
      addFields(name, schema)
    }
    return name
  }
  const expressionOf = (schema: Schema, name: string): Expression => {
    if (schema.$ref !== undefined) return typeNamed(schema.$ref.slice('#/definitions/'.length))
    if (isStruct(schema)) {
      addFields(name, schema)
      return name
    }
    if (schema.allOf?.length === 1) return expressionOf(schema.allOf[0]!, name)
    if (schema.type === 'array') return `[]${expressionOf(schema.items ?? {}, `${name}.Item`)}`
    if (schema.additionalProperties !== undefined && schema.additionalProperties !== false)
      return `{}${schema.additionalProperties === true ? '' : expressionOf(schema.additionalProperties, `${name}.Value`)}`
    return ''
  }
  const addFields = (name: string, schema: Schema): void => {
    const fields = types.get(name) ?? {}
    types.set(name, fields)
    for (const [key, value] of propertiesOf(schema)) {
      const expression = expressionOf(value, `${name}.${key}`)
      const known = fields[key]
      if (known === undefined || known === '') fields[key] = expression
    }
  }
  const propertiesOf = (schema: Schema): [string, Schema][] => {
    if (schema.$ref !== undefined)
      return propertiesOf(swagger.definitions[schema.$ref.slice('#/definitions/'.length)]!)
    return [...(schema.allOf ?? []).flatMap(propertiesOf), ...Object.entries(schema.properties ?? {})]
  }
  const isStruct = (schema: Schema): boolean =>
    schema.properties !== undefined ||
    (schema.allOf ?? []).some((part) =>
      part.$ref === undefined
        ? isStruct(part)
        : isStruct(swagger.definitions[part.$ref.slice('#/definitions/'.length)]!),
    )

  for (const methods of Object.values(swagger.paths))
    for (const { operationId, parameters = [] } of Object.values(methods)) {
      const schema = parameters.find((parameter) => parameter.in === 'body')?.schema
      if (schema === undefined || schema.type === 'string') continue
      const expression = expressionOf(schema, `${operationId}Body`)
      if (!bodies.has(operationId)) bodies.set(operationId, expression)
    }
}

function correct(): void {
  for (const [name, { fields }] of Object.entries(ADDITIONS)) {
    if (types.has(name)) throw new Error(`stale addition: ${name} is described now`)
    types.set(name, fields)
  }
  for (const { type, because, fields } of CORRECTIONS) {
    const known = types.get(type)
    if (known === undefined) throw new Error(`correction of an unknown type: ${type}`)
    for (const [key, expression] of Object.entries(fields)) {
      if (known[key] === (expression ?? undefined))
        throw new Error(`stale correction of ${type}.${key}: ${because}`)
      if (expression === null) delete known[key]
      else known[key] = expression
    }
  }
  for (const [id, expression] of Object.entries(ADDED_BODIES)) {
    if (bodies.has(id)) throw new Error(`stale addition: the body of ${id} is described now`)
    bodies.set(id, expression)
  }
  for (const id of NULLABLE) bodies.set(id, `?${bodies.get(id)}`)

  // A create is a configuration and two more fields; described flat, so corrections of the parts would not reach it.
  const create = types.get('ContainerCreateBody')!
  const host = types.get('HostConfig')!
  Object.assign(create, types.get('ContainerConfig'))
  for (const [key, expression] of [...Object.entries(host), ['Cpuset', ''] as const])
    if (create[key] === undefined) create[ASTRAY + key] = expression
}

/** The types that the bodies and queries lead to, each once however often it is described. */
function reachable(): Map<string, Fields> {
  const kept = new Map<string, Fields>()
  const visit = (expression: Expression): void => {
    const name = /[A-Z][A-Za-z.]*$/.exec(expression)?.[0]
    if (name === undefined || kept.has(name)) return
    const fields = types.get(name)
    if (fields === undefined) throw new Error(`no type ${name}`)
    kept.set(name, fields)
    for (const value of Object.values(fields)) visit(value)
  }
  for (const expression of [...bodies.values(), ...Object.values(QUERY_JSON)]) visit(expression)
  return kept
}

function record(entries: Iterable<readonly [string, string]>, indent: string): string {
  const key = (name: string) => (/^[A-Za-z]+$/.test(name) ? name : `'${name}'`)
  return [...entries]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${indent}${key(name)}: ${value},\n`)
    .join('')
}

function render(versions: readonly string[]): string {
  const quoted = (fields: Readonly<Record<string, string>>) =>
    Object.entries(fields).map(([key, value]) => [key, `'${value}'`] as const)
  const table = [...reachable()].map(
    ([name, fields]) => [name, `{\n${record(quoted(fields), '    ')}  }`] as const,
  )
  return `/**
 * What the engine reads in the JSON of requests: \`shape.ts\` says how to read the expressions.
 *
 * Generated by \`scripts/bodies.ts\` from Docker's API descriptions ${versions.join(', ')}. Changes belong there, with their
 * reason.
 */

/** The fields of each type, as the engine spells them. */
export const TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
${record(table, '  ')}}

/** The type of each operation's JSON body. */
export const BODIES: Readonly<Record<string, string>> = {
${record(quoted(Object.fromEntries(bodies)), '  ')}}

/** The type of each query key whose value is JSON. */
export const QUERY_JSON: Readonly<Record<string, string>> = {
${record(quoted(QUERY_JSON), '  ')}}
`
}

const descriptions = process.argv.slice(2).map((file) => parse(readFileSync(file, 'utf8')) as Swagger)
if (descriptions.length === 0) throw new Error('usage: tsx scripts/bodies.ts NEWEST.yaml [OLDER.yaml …]')
for (const description of descriptions) addDescription(description)
correct()
process.stdout.write(render(descriptions.map(({ info }) => info.version)))

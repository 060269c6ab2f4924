/**
 * Writes `src/sdk/docker.ts` from Docker's own descriptions of its API (swagger files, newest first):
 *
 *     npx tsx scripts/body-types.ts newest.yaml v1.45.yaml v1.41.yaml > src/sdk/docker.ts
 *
 * The types are the union of the descriptions, so what newer engines have dropped is still typed for those that have it. Of
 * the descriptions only facts are taken: names, types, what refers to what. Everything may be missing, since clients and
 * engines of all ages write these bodies; what is a pointer, a list or a map in the engine may be `null`; integers of 64 bits
 * may be too large for a `number`, and come as `bigint` then.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { OPERATIONS } from '../src/route/operations.ts'
import type { Schema, Swagger } from './swagger.ts'

type Type =
  | { readonly kind: 'scalar'; readonly text: 'string' | 'boolean' | 'number' | 'number | bigint' }
  /** An object of whatever members, or any JSON at all. */
  | { readonly kind: 'open'; readonly text: 'JsonObject' | 'Json' }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'list'; readonly items: Type }
  | { readonly kind: 'map'; readonly values: Type }
  | { readonly kind: 'object'; readonly fields: Map<string, Type> }

const TEXT: Type = { kind: 'scalar', text: 'string' }

/** Bodies of JSON operations that no description has, each with its reason. */
const ADDED_REQUESTS: Readonly<Record<string, Type>> = {
  // Experimental, never described.
  CheckpointCreate: fields({
    CheckpointID: TEXT,
    CheckpointDir: TEXT,
    Exit: { kind: 'scalar', text: 'boolean' },
  }),
  // The request of API versions below 1.24.
  ContainerCopy: fields({ Resource: TEXT }),
  // Engines look for credentials here where the header has none.
  ImagePush: { kind: 'named', name: 'AuthConfig' },
}

const ADDED_RESPONSES: Readonly<Record<string, Type>> = {
  CheckpointList: { kind: 'list', items: fields({ Name: TEXT }) },
}

/** `null` as a whole: credentials that are not shown, and a commit without changes. */
const NULLABLE_REQUESTS: readonly string[] = ['ImageCommit', 'SystemAuth']

const definitions = new Map<string, Type>()
const requests = new Map<string, Type>()
const responses = new Map<string, Type>()

function fields(entries: Readonly<Record<string, Type>>): Type {
  return { kind: 'object', fields: new Map(Object.entries(entries)) }
}

function addDescription({ definitions: defined, paths }: Swagger): void {
  const refName = ($ref: string) => $ref.slice('#/definitions/'.length)
  const typeOf = (schema: Schema): Type => {
    if (schema.$ref !== undefined) return { kind: 'named', name: refName(schema.$ref) }
    const { allOf, properties, additionalProperties, items, format } = schema
    if (allOf?.length === 1 && properties === undefined) return typeOf(allOf[0]!)
    if (allOf !== undefined || properties !== undefined)
      return { kind: 'object', fields: new Map(propertiesOf(schema)) }
    const type = typeof schema.type === 'string' ? schema.type : undefined
    if (type === 'array') return { kind: 'list', items: typeOf(items ?? {}) }
    if (typeof additionalProperties === 'object') return { kind: 'map', values: typeOf(additionalProperties) }
    switch (type) {
      case 'string':
      case 'boolean':
      case 'number':
        return { kind: 'scalar', text: type }
      case 'integer':
        return { kind: 'scalar', text: format?.endsWith('64') ? 'number | bigint' : 'number' }
      case 'object':
        return { kind: 'open', text: 'JsonObject' }
      default:
        return { kind: 'open', text: 'Json' }
    }
  }
  const propertiesOf = (schema: Schema): [string, Type][] => {
    if (schema.$ref !== undefined) return propertiesOf(defined[refName(schema.$ref)]!)
    const own = Object.entries(schema.properties ?? {}).map(
      ([name, property]) => [name, typeOf(property)] as [string, Type],
    )
    return [...(schema.allOf ?? []).flatMap(propertiesOf), ...own]
  }

  for (const [name, schema] of Object.entries(defined)) add(definitions, name, typeOf(schema))
  for (const methods of Object.values(paths))
    for (const { operationId, parameters = [], responses: answers = {} } of Object.values(methods)) {
      const known = OPERATIONS.find(({ id }) => id === operationId)
      const body = parameters.find((parameter) => parameter.in === 'body')?.schema
      if (body !== undefined && known?.takes === 'json') add(requests, operationId, typeOf(body))
      const [, answer] = Object.entries(answers).find(([code]) => code.startsWith('2')) ?? []
      if (answer?.schema !== undefined && known?.gives === 'json')
        add(responses, operationId, typeOf(answer.schema))
    }
}

function add(types: Map<string, Type>, name: string, type: Type): void {
  const known = types.get(name)
  types.set(name, known === undefined ? type : united(known, type))
}

/** What the newer description says goes first; where it says nothing of the inside, the older one may. */
function united(newer: Type, older: Type): Type {
  if (newer.kind === 'open') return older
  if (newer.kind === 'list' && older.kind === 'list')
    return { kind: 'list', items: united(newer.items, older.items) }
  if (newer.kind !== 'object' || older.kind !== 'object') return newer
  const all = new Map(newer.fields)
  for (const [name, type] of older.fields) add(all, name, type)
  return { kind: 'object', fields: all }
}

function addUndescribed(): void {
  for (const [into, added] of [
    [requests, ADDED_REQUESTS],
    [responses, ADDED_RESPONSES],
  ] as const)
    for (const [id, type] of Object.entries(added)) {
      if (into.has(id)) throw new Error(`stale addition: ${id} is described now`)
      into.set(id, type)
    }
  const missing = OPERATIONS.flatMap(({ id, takes, gives }) => [
    ...(takes === 'json' && !requests.has(id) ? [`the request of ${id}`] : []),
    ...(gives === 'json' && !responses.has(id) ? [`the answer of ${id}`] : []),
  ])
  if (missing.length > 0) throw new Error(`described nowhere: ${missing.join(', ')}`)
}

/** The definitions that the bodies lead to. */
function reachable(roots: Iterable<Type>): readonly string[] {
  const found = new Set<string>()
  const visit = (type: Type): void => {
    switch (type.kind) {
      case 'named': {
        if (found.has(type.name)) return
        const definition = definitions.get(type.name)
        if (definition === undefined) throw new Error(`no definition of ${type.name}`)
        found.add(type.name)
        visit(definition)
        return
      }
      case 'list':
        visit(type.items)
        return
      case 'map':
        visit(type.values)
        return
      case 'object':
        for (const field of type.fields.values()) visit(field)
        return
      default:
    }
  }
  for (const root of roots) visit(root)
  return [...found].sort()
}

function print(type: Type, indent: string): string {
  switch (type.kind) {
    case 'scalar':
    case 'open':
      return type.text
    case 'named':
      return type.name
    case 'list': {
      const items = print(type.items, indent)
      return items.includes(' ') && !items.startsWith('{') ? `(${items})[]` : `${items}[]`
    }
    case 'map':
      return `{ [name: string]: ${orNull(type.values, indent)} }`
    default: {
      const lines = [...type.fields].map(
        ([name, field]) => `${indent}  ${key(name)}?: ${orNull(field, `${indent}  `)}\n`,
      )
      return lines.length === 0 ? 'JsonObject' : `{\n${lines.join('')}${indent}}`
    }
  }
}

/** Scalars of the engine are there or not; anything else may be `null`. */
function orNull(type: Type, indent: string): string {
  const text = print(type, indent)
  const end = type.kind === 'named' ? definitions.get(type.name)! : type
  return end.kind === 'scalar' || text === 'Json' ? text : `${text} | null`
}

function key(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `'${name}'`
}

function table(types: ReadonlyMap<string, Type>, suffix: string): string {
  return [...types.keys()]
    .sort()
    .map((id) => {
      const type = types.get(id)!
      const text = print(withName(type, `${id}${suffix}`), '')
      return `  ${id}: ${text}${suffix === 'Body' && NULLABLE_REQUESTS.includes(id) ? ' | null' : ''}\n`
    })
    .join('')
}

/** An object that stands for itself, or in a list, goes by a name of its own. */
function withName(type: Type, name: string): Type {
  if (type.kind === 'object') return { kind: 'named', name }
  if (type.kind === 'list') return { kind: 'list', items: withName(type.items, `${name}Item`) }
  return type
}

function named(types: ReadonlyMap<string, Type>, suffix: string): [string, Type][] {
  return [...types].flatMap(([id, type]): [string, Type][] => {
    if (type.kind === 'object') return [[`${id}${suffix}`, type]]
    return type.kind === 'list' && type.items.kind === 'object' ? [[`${id}${suffix}Item`, type.items]] : []
  })
}

function render(versions: readonly string[]): string {
  const declared = new Map<string, Type>([
    ...reachable([...requests.values(), ...responses.values()]).map(
      (name) => [name, definitions.get(name)!] as const,
    ),
    ...named(requests, 'Body'),
    ...named(responses, 'Answer'),
  ])
  const types = [...declared.keys()]
    .sort()
    .map((name) => `export type ${name} = ${print(declared.get(name)!, '')}\n`)
    .join('\n')
  return `/**
 * The bodies of Docker's API, for the compiler. Nothing here is checked when a program runs, and everything may be missing.
 *
 * Generated by \`scripts/body-types.ts\` from Docker's API descriptions ${versions.join(', ')}. Changes belong there, with their
 * reason.
 */
import type { Json, JsonObject } from './json.ts'

/** What clients send, by operation. */
export interface RequestBodies {
${table(requests, 'Body')}}

/** What the engine answers with where it does what it was asked, by operation. */
export interface ResponseBodies {
${table(responses, 'Answer')}}

${types}`
}

const descriptions = process.argv.slice(2).map((file) => parse(readFileSync(file, 'utf8')) as Swagger)
if (descriptions.length === 0) throw new Error('usage: tsx scripts/body-types.ts NEWEST.yaml [OLDER.yaml …]')
for (const description of descriptions) addDescription(description)
addUndescribed()
process.stdout.write(render(descriptions.map(({ info }) => info.version)))

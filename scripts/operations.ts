/**
 * Writes `src/route/operations.ts` from Docker's own descriptions of its API (swagger files, newest first):
 *
 *     npx tsx scripts/operations.ts newest.yaml v1.45.yaml v1.41.yaml > src/route/operations.ts
 *
 * The table is their union, so an operation or a query key that newer engines have dropped is still known for the engines
 * that have it. Of the descriptions only facts are taken: ids, methods, paths, keys, types.
 *
 * What they leave out or say wrongly about the engine is written down below, each entry with its reason. Every entry must
 * still change something: one that the newest description has caught up with is reported as stale.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse } from 'yaml'
import { METHODS } from '../src/http1/head.ts'
import type { Operation, QueryKind } from '../src/route/operation.ts'

interface Correction {
  readonly ids: readonly string[]
  readonly because: string
  /** Columns to set. */
  readonly set?: Partial<Omit<Operation, 'id' | 'query'>>
  /** Query keys to add, or to give another kind. */
  readonly query?: Operation['query']
}

const CORRECTIONS: readonly Correction[] = [
  {
    ids: ['ContainerAttach'],
    because: 'answers 101 or a bare 200, then both directions are raw bytes until both have ended',
    set: { gives: 'two-way', hijack: 'tcp', endless: 'always' },
  },
  {
    ids: ['ContainerAttachWebsocket'],
    because: 'the same stream in WebSocket frames',
    set: { gives: 'two-way', hijack: 'websocket', endless: 'always' },
  },
  {
    ids: ['ExecStart'],
    because: 'turns two-way like attach, unless the JSON body says Detach',
    set: { gives: 'two-way', hijack: 'tcp' },
  },
  {
    ids: ['Session'],
    because: 'upgrades to HTTP/2, with the engine as its client',
    set: { gives: 'two-way', hijack: 'h2c' },
  },
  {
    ids: ['SystemEvents'],
    because: 'described as one event; the engine sends them as they happen, until the client leaves',
    set: { gives: 'json-stream', endless: 'always' },
  },
  {
    ids: ['ContainerStats'],
    because: 'described as one sample; without stream=false the engine sends one every second',
    set: { gives: 'json-stream', endless: 'unless-query' },
  },
  {
    ids: ['ContainerLogs', 'ServiceLogs', 'TaskLogs'],
    because: 'with follow=1 they go on until the client leaves',
    set: { endless: 'if-query' },
  },
  {
    ids: ['ImageBuild', 'ImageCreate', 'ImageLoad', 'ImagePush', 'PluginPull', 'PluginPush', 'PluginUpgrade'],
    because:
      'described without a body; the engine reports progress, and failures, as a stream of JSON objects',
    set: { gives: 'json-stream' },
  },
  {
    ids: ['ContainerExport'],
    because: 'described without a body; it is the file system as a tar',
    set: { gives: 'tar' },
  },
  {
    ids: ['PluginDelete'],
    because: 'described as answering with the plugin; the engine answers with nothing',
    set: { gives: 'none' },
  },
  {
    ids: ['ContainerList'],
    because: 'keys older than filters; the engine still reads them',
    query: { before: 'string', since: 'string' },
  },
  {
    ids: ['ImageList'],
    because: 'the filter of API versions below 1.25',
    query: { filter: 'string' },
  },
  {
    ids: ['ContainerLogs'],
    because: 'read by the engine, described only for services and tasks',
    query: { details: 'boolean' },
  },
  {
    ids: ['ContainerLogs', 'ServiceLogs', 'TaskLogs'],
    because: 'described as integers; the engine takes seconds with a fraction',
    query: { since: 'string' },
  },
  {
    ids: ['ContainerLogs'],
    because: 'as since',
    query: { until: 'string' },
  },
  {
    ids: ['ContainerStart'],
    because: 'what `docker start --checkpoint` sends',
    query: { checkpoint: 'string', 'checkpoint-dir': 'string' },
  },
  {
    ids: ['PutContainerArchive'],
    because: 'described as strings; the engine reads them as booleans',
    query: { copyUIDGID: 'boolean', noOverwriteDirNonDir: 'boolean' },
  },
  {
    ids: ['ImageBuild'],
    because: 'described as strings; the engine takes all values of a repeated key',
    query: { extrahosts: 'array', t: 'array' },
  },
  {
    ids: ['ImageBuild'],
    because: 'described as strings; the engine parses them',
    query: { buildargs: 'json', cachefrom: 'json', labels: 'json', outputs: 'json', pull: 'boolean' },
  },
  {
    ids: ['ImageBuild'],
    because: 'read by the engine and sent by `docker build`, missing from the description',
    query: {
      buildid: 'string',
      cgroupparent: 'string',
      cpusetmems: 'string',
      isolation: 'string',
      securityopt: 'array',
      session: 'string',
      ulimits: 'json',
    },
  },
  {
    ids: ['ImageCommit'],
    because: 'described as a string; the engine takes all values of a repeated key',
    query: { changes: 'array' },
  },
  {
    ids: ['ImagePush'],
    because: 'described without a body; where the header has no credentials the engine reads them there',
    set: { takes: 'json' },
  },
  {
    ids: ['ImageHistory', 'ImageInspect', 'ImagePush'],
    because:
      'described as a string; the engine parses a JSON platform (that of ImageCreate and ImageBuild is plain text)',
    query: { platform: 'json' },
  },
]

interface Addition {
  readonly because: string
  readonly operation: Operation
}

/** Routes that the engine has and the descriptions do not. `/debug/` stays unknown: no client of the API calls it. */
const ADDITIONS: readonly Addition[] = [
  {
    because: 'BuildKit behind an upgrade to HTTP/2; opaque, like Session',
    operation: {
      id: 'Grpc',
      method: 'POST',
      path: '/grpc',
      takes: 'none',
      gives: 'two-way',
      hijack: 'h2c',
      query: {},
    },
  },
  {
    because: 'stops a BuildKit build by its buildid',
    operation: {
      id: 'BuildCancel',
      method: 'POST',
      path: '/build/cancel',
      takes: 'none',
      gives: 'none',
      query: { id: 'string' },
    },
  },
  {
    because: 'experimental, never described',
    operation: {
      id: 'CheckpointList',
      method: 'GET',
      path: '/containers/{id}/checkpoints',
      takes: 'none',
      gives: 'json',
      query: { dir: 'string' },
    },
  },
  {
    because: 'experimental, never described',
    operation: {
      id: 'CheckpointCreate',
      method: 'POST',
      path: '/containers/{id}/checkpoints',
      takes: 'json',
      gives: 'none',
      query: {},
    },
  },
  {
    because: 'experimental, never described',
    operation: {
      id: 'CheckpointDelete',
      method: 'DELETE',
      path: '/containers/{id}/checkpoints/{checkpoint}',
      takes: 'none',
      gives: 'none',
      query: { dir: 'string' },
    },
  },
  {
    because: 'below API 1.24 the engines up to 24 still hand out files here',
    operation: {
      id: 'ContainerCopy',
      method: 'POST',
      path: '/containers/{id}/copy',
      takes: 'json',
      gives: 'tar',
      query: {},
    },
  },
  {
    because: 'the engine answers OPTIONS with 200 on every path',
    operation: { id: 'Options', method: 'OPTIONS', path: '/{path}', takes: 'none', gives: 'none', query: {} },
  },
]

/** `filters` is JSON wherever it occurs; the descriptions say so in words only. */
const KIND_OF_KEY: Readonly<Record<string, QueryKind>> = { filters: 'json' }

/**
 * Names that end at the next slash: those of Swarm's objects, and of a checkpoint that is deleted. All other routes of the
 * engine take everything up to their last words.
 */
const NARROW_NAME = /^\/(?:services|nodes|tasks|secrets|configs)\/|\/\{checkpoint\}$/

function main(files: readonly string[]): void {
  if (files.length === 0) throw new Error('usage: tsx scripts/operations.ts NEWEST.yaml [OLDER.yaml …]')
  const descriptions = files.map(readDescription)
  const table = new Map<string, Operation>()
  for (const description of descriptions)
    for (const described of description.operations) {
      const known = table.get(described.id)
      table.set(described.id, known === undefined ? described : merged(known, described))
    }
  for (const { operation } of ADDITIONS) {
    if (table.has(operation.id)) throw new Error(`stale addition: ${operation.id} is described now`)
    table.set(operation.id, operation)
  }
  for (const correction of CORRECTIONS)
    for (const id of correction.ids) table.set(id, corrected(table.get(id), id, correction))
  const operations = [...table.values()].map(withGreed).sort(byPathThenMethod)
  process.stdout.write(
    render(
      operations,
      descriptions.map((description) => description.version),
    ),
  )
}

interface Description {
  readonly version: string
  readonly operations: readonly Operation[]
}

/** The parts of a swagger file that are read here. */
interface Swagger {
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, SwaggerOperation>>>>
}

interface SwaggerOperation {
  readonly operationId: string
  readonly parameters?: readonly SwaggerParameter[]
  readonly produces?: readonly string[]
  readonly responses: Readonly<Record<string, { readonly schema?: unknown }>>
}

interface SwaggerParameter {
  readonly name: string
  readonly in: string
  readonly type?: string
  readonly schema?: { readonly type?: string }
}

function readDescription(file: string): Description {
  const swagger = parse(readFileSync(file, 'utf8')) as Swagger
  const operations = Object.entries(swagger.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([name, described]) => {
      const method = METHODS.find((one) => one === name.toUpperCase())
      if (method === undefined)
        throw new Error(`${basename(file)}: ${path} has "${name}", which is no method of the table`)
      return operationFrom(method, path, described)
    }),
  )
  return { version: swagger.info.version, operations }
}

function operationFrom(method: Operation['method'], path: string, described: SwaggerOperation): Operation {
  const parameters = described.parameters ?? []
  const keys = parameters.filter((parameter) => parameter.in === 'query')
  return {
    id: described.operationId,
    method,
    path,
    takes: bodyOf(parameters.find((parameter) => parameter.in === 'body')),
    gives: method === 'HEAD' ? 'none' : answerOf(described),
    query: Object.fromEntries(keys.map((key) => [key.name, kindOf(key)])),
  }
}

/** A body described as a string is a tar everywhere; everything else is an object or a list in JSON. */
function bodyOf(body: SwaggerParameter | undefined): Operation['takes'] {
  if (body === undefined) return 'none'
  return body.schema?.type === 'string' ? 'tar' : 'json'
}

function answerOf({ produces = [], responses }: SwaggerOperation): Operation['gives'] {
  if (produces.includes('application/x-tar')) return 'tar'
  if (produces.includes('application/vnd.docker.raw-stream')) return 'raw-stream'
  const success = Object.entries(responses).filter(([status]) => status.startsWith('2'))
  if (success.every(([, response]) => response.schema === undefined)) return 'none'
  return produces.length === 1 && produces[0] === 'text/plain' ? 'text' : 'json'
}

function kindOf(key: SwaggerParameter): QueryKind {
  const special = KIND_OF_KEY[key.name]
  if (special !== undefined) return special
  switch (key.type) {
    case 'boolean':
    case 'integer':
    case 'array':
    case 'string':
      return key.type
    default:
      throw new Error(`query key "${key.name}" has the unknown type "${key.type}"`)
  }
}

/** The newer description's word, with the query keys that only the older one has. */
function merged(newer: Operation, older: Operation): Operation {
  if (newer.method !== older.method || newer.path !== older.path)
    throw new Error(`${newer.id} is ${newer.method} ${newer.path} and ${older.method} ${older.path}`)
  return { ...newer, query: { ...older.query, ...newer.query } }
}

function corrected(operation: Operation | undefined, id: string, correction: Correction): Operation {
  if (operation === undefined) throw new Error(`correction of an unknown operation: ${id}`)
  const changed = {
    ...operation,
    ...correction.set,
    query: { ...operation.query, ...correction.query },
  }
  if (isDeepStrictEqual(changed, operation))
    throw new Error(`stale correction of ${id}: ${correction.because}`)
  return changed
}

function withGreed(operation: Operation): Operation {
  const greedy = operation.path.includes('{') && !NARROW_NAME.test(operation.path)
  return greedy ? { ...operation, greedy } : operation
}

function byPathThenMethod(one: Operation, other: Operation): number {
  if (one.path !== other.path) return one.path < other.path ? -1 : 1
  return one.method < other.method ? -1 : 1
}

function render(operations: readonly Operation[], versions: readonly string[]): string {
  return `/**
 * Every operation of the Docker Engine API.
 *
 * Generated by \`scripts/operations.ts\` from Docker's API descriptions ${versions.join(', ')}. Changes belong there, with their
 * reason.
 */
import type { Operation } from './operation.ts'

export const OPERATIONS = [
${operations.map(entry).join('')}] as const satisfies readonly Operation[]

/** The id of an operation in the table. */
export type OperationId = (typeof OPERATIONS)[number]['id']
`
}

function entry(operation: Operation): string {
  const columns = [
    `id: '${operation.id}'`,
    `method: '${operation.method}'`,
    `path: '${operation.path}'`,
    ...(operation.greedy === true ? ['greedy: true'] : []),
    `takes: '${operation.takes}'`,
    `gives: '${operation.gives}'`,
    ...(operation.hijack === undefined ? [] : [`hijack: '${operation.hijack}'`]),
    ...(operation.endless === undefined ? [] : [`endless: '${operation.endless}'`]),
    queryColumn(operation.query),
  ]
  return `  {\n${columns.map((column) => `    ${column},\n`).join('')}  },\n`
}

/** On one line where the formatter leaves it there. */
function queryColumn(query: Operation['query']): string {
  const keys = Object.keys(query).sort()
  const pairs = keys.map((key) => `${/^[a-z_]+$/i.test(key) ? key : `'${key}'`}: '${query[key]}'`)
  if (pairs.length === 0) return 'query: {}'
  const line = `query: { ${pairs.join(', ')} }`
  if (line.length + '    ,'.length <= LINE_WIDTH) return line
  return `query: {\n${pairs.map((pair) => `      ${pair},\n`).join('')}    }`
}

/** As in biome.json. */
const LINE_WIDTH = 110

main(process.argv.slice(2))

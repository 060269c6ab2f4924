import type { Operation } from '../../../src/route/operation.ts'
import { OPERATIONS, type OperationId } from '../../../src/route/operations.ts'
import { ENGINE_ROUTES } from './engine-routes.ts'

const operations: readonly Operation[] = OPERATIONS

/** In the engine, but not in Docker's descriptions of its API. */
const UNDESCRIBED: readonly OperationId[] = [
  'BuildCancel',
  'CheckpointCreate',
  'CheckpointDelete',
  'CheckpointList',
  'ContainerCopy',
  'Grpc',
  'Options',
]

function find(id: OperationId): Operation {
  return operations.find((operation) => operation.id === id)!
}

function idsWhere(holds: (operation: Operation) => boolean): readonly string[] {
  return operations
    .filter(holds)
    .map((operation) => operation.id)
    .sort()
}

describe('the table of operations', () => {
  test('has each operation once, and all that the descriptions 1.41, 1.45 and 1.56 name', () => {
    expect(new Set(operations.map((operation) => operation.id)).size).toBe(operations.length)
    expect(new Set(operations.map(({ method, path }) => `${method} ${path}`)).size).toBe(operations.length)
    expect(operations.length - UNDESCRIBED.length).toBe(108)
    for (const id of UNDESCRIBED) expect(find(id)).toBeDefined()
  })

  test("has exactly the engine's routes, with names as wide as the engine takes them", () => {
    const fromEngine = ENGINE_ROUTES.filter((route) => route.template !== '/networks/').map((route) => {
      const path = route.template.replaceAll(/:\.[*+]/g, '')
      return `${route.id} ${route.method} ${path}${path === route.template ? '' : ' greedy'}`
    })
    const fromTable = operations.map(
      ({ id, method, path, greedy }) => `${id} ${method} ${path}${greedy === true ? ' greedy' : ''}`,
    )
    expect(fromTable.sort()).toEqual(fromEngine.sort())
  })

  test('is sorted by path and method, so that a refresh shows what changed', () => {
    const order = operations.map(({ path, method }) => `${path} ${method}`)
    expect(order).toEqual([...order].sort())
  })

  test('knows what turns two-way, and by which token', () => {
    const hijacks = operations.flatMap(({ id, hijack }) => (hijack === undefined ? [] : [[id, hijack]]))
    expect(Object.fromEntries(hijacks)).toEqual({
      ContainerAttach: 'tcp',
      ContainerAttachWebsocket: 'websocket',
      ExecStart: 'tcp',
      Grpc: 'h2c',
      Session: 'h2c',
    })
    expect(idsWhere((operation) => operation.gives === 'two-way')).toEqual(
      idsWhere((operation) => operation.hijack !== undefined),
    )
  })

  test('knows which answers may go on without end', () => {
    expect(idsWhere((operation) => operation.endless === 'always')).toEqual([
      'ContainerAttach',
      'ContainerAttachWebsocket',
      'SystemEvents',
    ])
    expect(idsWhere((operation) => operation.endless === 'unless-query')).toEqual(['ContainerStats'])
    expect(idsWhere((operation) => operation.endless === 'if-query')).toEqual([
      'ContainerLogs',
      'ServiceLogs',
      'TaskLogs',
    ])
  })

  test('knows the archives and the streams of progress', () => {
    expect(idsWhere((operation) => operation.takes === 'tar')).toEqual([
      'ImageBuild',
      'ImageCreate',
      'ImageLoad',
      'PluginCreate',
      'PutContainerArchive',
    ])
    expect(idsWhere((operation) => operation.gives === 'tar')).toEqual([
      'ContainerArchive',
      'ContainerCopy',
      'ContainerExport',
      'ImageGet',
      'ImageGetAll',
    ])
    expect(idsWhere((operation) => operation.gives === 'json-stream')).toEqual([
      'ContainerStats',
      'ImageBuild',
      'ImageCreate',
      'ImageLoad',
      'ImagePush',
      'PluginPull',
      'PluginPush',
      'PluginUpgrade',
      'SystemEvents',
    ])
  })

  test('knows the JSON bodies, and that GET, HEAD and DELETE have none', () => {
    const json = idsWhere((operation) => operation.takes === 'json')
    expect(json).toEqual(
      expect.arrayContaining(['ContainerCreate', 'ExecStart', 'ServiceUpdate', 'SystemAuth']),
    )
    expect(json).not.toContain('ContainerAttach')
    for (const { id, method, takes } of operations)
      if (method !== 'POST' && method !== 'PUT') expect([id, takes]).toEqual([id, 'none'])
  })

  test('keeps query keys that newer engines have dropped, and has those of the newest', () => {
    expect(find('BuildPrune').query).toMatchObject({ 'keep-storage': 'integer', 'reserved-space': 'integer' })
    expect(find('ImageDelete').query).toMatchObject({ platforms: 'array' })
  })

  test('has every list that clients send by repeating a key', () => {
    const lists = operations.flatMap(({ id, query }) =>
      Object.entries(query).flatMap(([key, kind]) => (kind === 'array' ? [`${id} ${key}`] : [])),
    )
    expect(lists.sort()).toEqual([
      'ImageAttestations platform',
      'ImageAttestations type',
      'ImageBuild extrahosts',
      'ImageBuild securityopt',
      'ImageBuild t',
      'ImageCommit changes',
      'ImageCreate changes',
      'ImageDelete platforms',
      'ImageGet platform',
      'ImageGetAll names',
      'ImageGetAll platform',
      'ImageLoad platform',
      'SystemDataUsage type',
    ])
  })

  test('has no two keys of an operation that differ only in case', () => {
    for (const { id, query } of operations) {
      const keys = Object.keys(query)
      expect([id, new Set(keys.map((key) => key.toLowerCase())).size]).toEqual([id, keys.length])
    }
  })
})

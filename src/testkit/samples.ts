/** Requests and answers as they occur every day, one for each operation. */
import { bodyShape } from '../gate/shape.ts'
import type { HookRequest, HookResponse } from '../model/hook.ts'
import type { Operation } from '../route/operation.ts'
import { OPERATIONS } from '../route/operations.ts'

/** An API version that all engines of the last years serve. */
const VERSION = '1.41'

const ALL: readonly Operation[] = OPERATIONS

/** An adapter that does not say what it is for is shown these. */
export const USUAL_OPERATIONS: readonly string[] = [
  'ContainerCreate',
  'ContainerStart',
  'ContainerList',
  'ContainerInspect',
  'ImageCreate',
  'NetworkCreate',
  'VolumeCreate',
]

export const CONTAINER_ID = '4f1c'.repeat(16)

export function operationNamed(id: string): Operation | undefined {
  return ALL.find((operation) => operation.id === id)
}

/** `body`: instead of the usual one. */
export function sampleRequest(id: string, body: string | null = usualBody(id)): HookRequest {
  const operation = operationNamed(id)!
  const path = operation.path.replaceAll(/\{[^}]+\}/g, 'web')
  const query = QUERIES[id]
  return {
    method: operation.method,
    target: `/v${VERSION}${path}${query === undefined ? '' : `?${query}`}`,
    body,
    form: body === null ? (operation.takes === 'tar' ? 'omitted' : 'none') : 'json',
    headers: {
      host: ['docker'],
      ...(body === null
        ? {}
        : { 'content-type': ['application/json'], 'content-length': [String(Buffer.byteLength(body))] }),
    },
  }
}

/** What the engine says when all goes well; nothing where post-hooks are not shown it. */
export function sampleResponse(id: string): HookResponse | undefined {
  const { gives, method, endless, hijack } = operationNamed(id)!
  if (endless !== undefined || hijack !== undefined) return undefined
  const known = ANSWERS[id]
  if (known !== undefined) return jsonAnswer(known.status, known.body)
  switch (gives) {
    case 'json':
      return jsonAnswer(method === 'POST' ? 201 : 200, id.endsWith('List') ? [] : {})
    case 'none':
      return { status: 204, contentType: null, body: '', form: 'none', headers: {} }
    case 'text':
      return { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK', form: 'utf8', headers: {} }
    case 'json-stream':
      return {
        status: 200,
        contentType: 'application/json',
        body: '{"status":"Pulling from library/busybox","id":"latest"}\r\n{"status":"Status: Image is up to date"}\r\n',
        form: 'utf8',
        headers: { 'content-type': ['application/json'] },
      }
    default:
      return undefined
  }
}

export function jsonAnswer(status: number, value: unknown): HookResponse {
  return jsonText(status, JSON.stringify(value))
}

export function jsonText(status: number, body: string): HookResponse {
  return {
    status,
    contentType: 'application/json',
    body,
    form: 'json',
    headers: { 'content-type': ['application/json'] },
  }
}

function usualBody(id: string): string | null {
  if (operationNamed(id)?.takes !== 'json') return null
  const known = BODIES[id]
  if (known !== undefined) return JSON.stringify(known)
  return bodyShape(id).shape.kind === 'list' ? '[]' : '{}'
}

const CREATE = {
  Image: 'busybox:latest',
  Cmd: ['sh', '-c', 'echo hello'],
  Env: ['LANG=C.UTF-8'],
  Labels: { purpose: 'conformance' },
  HostConfig: { Memory: 67_108_864, NetworkMode: 'bridge' },
}

const BODIES: Readonly<Record<string, unknown>> = {
  ContainerCreate: CREATE,
  ContainerExec: { Cmd: ['true'], AttachStdout: true },
  ContainerUpdate: { Memory: 67_108_864 },
  ExecStart: { Detach: true },
  NetworkConnect: { Container: 'web' },
  NetworkCreate: { Name: 'net', Driver: 'bridge', Labels: { purpose: 'conformance' } },
  NetworkDisconnect: { Container: 'web' },
  VolumeCreate: { Name: 'data', Driver: 'local', Labels: { purpose: 'conformance' } },
  ServiceCreate: { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'busybox:latest' } } },
}

const QUERIES: Readonly<Record<string, string>> = {
  ContainerCreate: 'name=web&platform=linux%2Famd64',
  ContainerList: 'all=1',
  ImageCreate: 'fromImage=busybox&tag=latest',
  ImageTag: 'repo=acme%2Fweb&tag=1',
}

const ANSWERS: Readonly<Record<string, { readonly status: number; readonly body: unknown }>> = {
  ContainerCreate: { status: 201, body: { Id: CONTAINER_ID, Warnings: [] } },
  ContainerExec: { status: 201, body: { Id: CONTAINER_ID } },
  ContainerList: {
    status: 200,
    body: [{ Id: CONTAINER_ID, Names: ['/web'], Image: 'busybox:latest', Labels: {}, State: 'running' }],
  },
  ContainerInspect: {
    status: 200,
    body: {
      Id: CONTAINER_ID,
      Name: '/web',
      Config: { Image: 'busybox:latest', Env: [], Labels: {} },
      HostConfig: { Memory: 67_108_864, NetworkMode: 'bridge' },
      NetworkSettings: { Networks: {} },
    },
  },
  NetworkCreate: { status: 201, body: { Id: CONTAINER_ID, Warning: '' } },
  VolumeCreate: {
    status: 201,
    body: {
      Name: 'data',
      Driver: 'local',
      Mountpoint: '/var/lib/docker/volumes/data/_data',
      Labels: {},
      Scope: 'local',
    },
  },
}

/** Creates that adapters which guard a host are likely to refuse, and what else an adapter may look at. */
export const TELLING_CREATES: readonly { readonly what: string; readonly body: string }[] = [
  { what: 'a create without HostConfig', body: JSON.stringify({ Image: 'busybox:latest' }) },
  {
    what: 'a create with null for what may be null',
    body: JSON.stringify({ ...CREATE, Cmd: null, Env: null, Labels: null, HostConfig: null }),
  },
  { what: 'a privileged create', body: create({ Privileged: true }) },
  { what: 'a create on the host network', body: create({ NetworkMode: 'host', PidMode: 'host' }) },
  {
    what: 'a create that binds the host',
    body: create({ Binds: ['/:/host'], Mounts: [{ Type: 'bind', Source: '/etc', Target: '/etc2' }] }),
  },
  {
    what: 'a create with published ports',
    body: JSON.stringify({
      ...CREATE,
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
    }),
  },
  {
    what: 'a create of an image of others',
    body: JSON.stringify({ ...CREATE, Image: 'registry.example/unknown/image:1' }),
  },
]

function create(hostConfig: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...CREATE, HostConfig: { ...CREATE.HostConfig, ...hostConfig } })
}

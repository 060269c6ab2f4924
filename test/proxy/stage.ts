/** A proxy between raw clients and a scripted engine, all of them in this process, with everything that was told. */
import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../src/model/address.ts'
import type { ExchangeReport, ProxyEvent } from '../../src/model/event.ts'
import { type ListenerSpec, plainListener } from '../../src/model/listener.ts'
import { type Proxy as RunningProxy, type SecurityTerms, startProxy } from '../../src/proxy.ts'
import { type Issued, startAuthority } from '../support/certificates.ts'
import { connect, type Peer } from '../support/connect.ts'
import { type ScriptedEngine, startScriptedEngine } from '../support/scripted-engine.ts'

export type Way = 'unix' | 'tcp' | 'tls'

export interface Stage extends AsyncDisposable {
  readonly engine: ScriptedEngine
  readonly proxy: RunningProxy
  /** Everything that the proxy told its sink. */
  readonly events: readonly ProxyEvent[]
  /** How the exchanges that are over ended, in that order. */
  readonly exchanges: readonly ExchangeReport[]
  /** Connects a client. */
  client(): Promise<Peer>
  /** A client that has sent `request`, and the engine's side of it once the engine has all of `arrives`. */
  begin(request: string, arrives?: string): Promise<{ readonly client: Peer; readonly engine: Peer }>
  /** Waits until so many exchanges are over; gives the last one. */
  ended(count?: number): Promise<ExchangeReport>
  /** Waits until no client is connected to the proxy any more. */
  quiet(): Promise<void>
}

export interface StageOptions {
  readonly clients?: Way
  readonly engine?: Way
  /** An engine at this address instead of a scripted one: where nobody listens, for example. */
  readonly upstream?: Address
  /** What the listener is besides its address. */
  readonly listener?: Partial<ListenerSpec>
  readonly security?: SecurityTerms
}

export const WAYS: ReadonlyArray<{ readonly clients: Way; readonly engine: Way }> = [
  { clients: 'unix', engine: 'unix' },
  { clients: 'tcp', engine: 'tcp' },
  { clients: 'tls', engine: 'tls' },
]

export async function stage(options: StageOptions = {}): Promise<Stage> {
  const secrets = options.clients === 'tls' || options.engine === 'tls' ? await certificates() : undefined
  const engine =
    options.engine === 'tls'
      ? await startScriptedEngine('tcp', { ...secrets!.server.pem, requestCert: true })
      : await startScriptedEngine(options.engine ?? 'unix')
  const folder = await mkdtemp(join(tmpdir(), 'stage-'))
  const events: ProxyEvent[] = []
  const exchanges: ExchangeReport[] = []
  let told = () => {}
  const started = await startProxy({
    listeners: [
      plainListener(
        options.clients === 'tcp' || options.clients === 'tls'
          ? { kind: 'tcp', host: '127.0.0.1', port: 0 }
          : { kind: 'unix', path: join(folder, 'ps.sock') },
        {
          tls:
            options.clients === 'tls'
              ? { own: secrets!.server.files, ca: secrets!.server.files.ca, clientAuth: 'require' }
              : undefined,
          ...options.listener,
        },
      ),
    ],
    engine: {
      address: options.upstream ?? engine.address,
      tls:
        options.engine === 'tls' ? { ca: secrets!.client.files.ca, own: secrets!.client.files } : undefined,
    },
    ...(options.security === undefined ? {} : { security: options.security }),
    tell(event) {
      events.push(event)
      if (event.kind === 'exchange-ended') exchanges.push(event.report)
      told()
    },
  })
  if (!started.ok) throw new Error(started.failure.message)
  const proxy = started.value
  const clients: Peer[] = []

  const client = async () => {
    const peer = await connect(
      proxy.addresses[0]!,
      options.clients === 'tls' ? secrets!.client.pem : undefined,
    )
    clients.push(peer)
    return peer
  }
  return {
    engine,
    proxy,
    events,
    exchanges,
    client,
    async begin(request, arrives = request) {
      const peer = await client()
      await peer.send(request)
      const other = await engine.accept()
      await other.until(arrives)
      return { client: peer, engine: other }
    },
    async ended(count = 1) {
      while (exchanges.length < count)
        await new Promise<void>((resolve) => {
          told = resolve
        })
      return exchanges[count - 1]!
    },
    async quiet() {
      await eventually(() => proxy.connections === 0)
    },
    async [Symbol.asyncDispose]() {
      for (const peer of clients) peer.leave()
      await proxy.drain(0)
      await engine[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
      const bug = events.find((event) => event.kind === 'connection-crashed')
      if (bug !== undefined) throw bug.error
    },
  }
}

interface Secrets {
  readonly files: Issued
  /** What the files say, for Node's own TLS. */
  readonly pem: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer }
}

/** Made once for all stages of a test file: openssl takes a while. */
let made: Promise<{ readonly server: Secrets; readonly client: Secrets }> | undefined

function certificates(): Promise<{ readonly server: Secrets; readonly client: Secrets }> {
  made ??= (async () => {
    const authority = await startAuthority()
    process.once('exit', () => rmSync(authority.folder, { recursive: true, force: true }))
    const issue = async (purpose: 'server' | 'client'): Promise<Secrets> => {
      const files = await authority.issue({ name: purpose, for: purpose })
      const [cert, key, ca] = [files.cert, files.key, files.ca].map((file) => readFileSync(file))
      return { files, pem: { cert: cert!, key: key!, ca: ca! } }
    }
    return { server: await issue('server'), client: await issue('client') }
  })()
  return made
}

/** For what tells nobody when it happens. Gives the event loop a turn between two looks; fails after 20 s. */
export async function eventually(happened: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!happened()) {
    if (performance.now() > deadline) throw new Error('it did not happen within 20 s')
    await new Promise(setImmediate)
  }
}

/** Lets everything that is ready to happen in this process happen. Sockets of one machine need a few turns. */
export async function settled(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
}

export const head = (line: string, ...fields: string[]): string => [line, ...fields, '', ''].join('\r\n')

export const PING = head('GET /_ping HTTP/1.1', 'Host: docker')
export const PONG = `${head('HTTP/1.1 200 OK', 'Content-Type: text/plain', 'Content-Length: 2')}OK`

/** What an error answer of the proxy says. Fails if it is not one that every Docker client can read. */
export function readError(answer: string): { readonly status: number; readonly message: string } {
  const match =
    /^HTTP\/1\.1 ([0-9]{3}) [A-Z][A-Za-z ]+\r\n((?:[A-Za-z-]+: [^\r\n]+\r\n)+)\r\n([\s\S]*)$/.exec(answer)
  if (match === null) throw new Error(`not an error answer: ${JSON.stringify(answer)}`)
  const [, status, fields, body] = match
  expect(fields).toContain('Content-Type: application/json\r\n')
  expect(fields).toContain('Connection: close\r\n')
  expect(fields).toContain(`Content-Length: ${body!.length}\r\n`)
  expect(body!.endsWith('\n')).toBe(true)
  const { message } = JSON.parse(body!) as { message: string }
  return { status: Number(status), message }
}

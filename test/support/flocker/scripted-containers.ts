/** The part of an engine that the flocker adapter asks: its containers and what happens to them, as the test has it. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ScriptedContainer {
  readonly id: string
  readonly state: 'created' | 'running' | 'exited'
  readonly labels: Readonly<Record<string, string>>
  /** Places on the host that it mounts. */
  readonly mounts: readonly string[]
}

export class ScriptedContainers implements AsyncDisposable {
  readonly #containers = new Map<string, ScriptedContainer>()
  readonly #streams = new Set<ServerResponse>()
  readonly #server: Server
  readonly #folder: string
  /** How often the list was asked for. */
  listed = 0

  private constructor(folder: string) {
    this.#folder = folder
    this.#server = createServer((request, response) => {
      const [path = ''] = (request.url ?? '').split('?')
      const json = (status: number, body: unknown) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body))
      }
      if (path === '/info') return json(200, { SystemTime: new Date().toISOString() })
      if (path === '/events') {
        response.writeHead(200, { 'content-type': 'application/json' })
        response.flushHeaders()
        this.#streams.add(response)
        response.once('close', () => this.#streams.delete(response))
        return
      }
      if (path === '/containers/json') {
        this.listed++
        return json(
          200,
          [...this.#containers.values()].map(({ id, state, labels, mounts }) => ({
            Id: id,
            Names: [`/${id}`],
            State: state,
            Labels: labels,
            Mounts: mounts.map((Source) => ({ Type: 'bind', Source })),
          })),
        )
      }
      const [, id = ''] = /^\/containers\/([^/]+)\/json$/.exec(path) ?? []
      const found = this.#containers.get(id)
      if (found === undefined) return json(404, { message: `No such container: ${id}` })
      return json(200, {
        Id: id,
        Name: `/${id}`,
        Config: { Labels: found.labels },
        Mounts: found.mounts.map((Source) => ({ Type: 'bind', Source })),
      })
    })
  }

  static async start(): Promise<ScriptedContainers> {
    const engine = new ScriptedContainers(await mkdtemp(join(tmpdir(), 'containers-')))
    engine.#server.listen(engine.#socket)
    await once(engine.#server, 'listening')
    return engine
  }

  get host(): string {
    return `unix://${this.#socket}`
  }

  get #socket(): string {
    return join(this.#folder, 'e.sock')
  }

  /** As the engine makes, starts, stops or removes one: first it is so, then it is told. */
  set(container: ScriptedContainer): void {
    const before = this.#containers.get(container.id)
    this.#containers.set(container.id, container)
    if (before === undefined) this.#tell('create', container)
    if (container.state === 'running') this.#tell('start', container)
  }

  remove(id: string): void {
    const container = this.#containers.get(id)
    if (container === undefined) throw new Error(`there is no container ${id}`)
    this.#containers.delete(id)
    this.#tell('destroy', container)
  }

  /** Nobody is told. */
  forget(id: string): void {
    this.#containers.delete(id)
  }

  /** Ends the streams of events. */
  hangUp(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  #tell(action: string, { id, labels }: ScriptedContainer): void {
    const event = {
      Type: 'container',
      Action: action,
      Actor: { ID: id, Attributes: { name: id, ...labels } },
    }
    for (const stream of this.#streams) stream.write(`${JSON.stringify(event)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
    await rm(this.#folder, { recursive: true, force: true })
  }
}

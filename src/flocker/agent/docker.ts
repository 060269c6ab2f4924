/** The calls to the Docker Engine that an agent needs. They go to the engine's own socket, past every hook. */
import { Client } from 'undici'
import type { Address } from '../../model/address.ts'
import { failed, ok, type Result } from '../../model/result.ts'
import { reasonOf } from '../reason.ts'
import type { AgentTrouble } from './trouble.ts'

export interface DockerVolume {
  readonly Name: string
  readonly Mountpoint: string
  readonly Labels: Readonly<Record<string, string>> | null
}

export interface DockerContainer {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
  readonly Mounts: readonly { readonly Source?: string; readonly Name?: string }[]
}

/** An engine that says nothing for this long, in milliseconds, counts as not answering. Its calls here take a few. */
const ENGINE_PATIENCE_MS = 20_000

export class DockerEngine implements AsyncDisposable {
  readonly #client: Client

  constructor(address: Address) {
    const patience = { headersTimeout: ENGINE_PATIENCE_MS, bodyTimeout: ENGINE_PATIENCE_MS }
    this.#client =
      address.kind === 'unix'
        ? new Client('http://docker', { socketPath: address.path, ...patience })
        : new Client(
            `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`,
            patience,
          )
  }

  /** Those whose names contain the text. */
  async volumes(name: string): Promise<Result<readonly DockerVolume[], AgentTrouble>> {
    const filters = encodeURIComponent(JSON.stringify({ name: [name] }))
    const answer = await this.#call('GET', `/volumes?filters=${filters}`)
    if (!answer.ok) return answer
    return ok((JSON.parse(answer.value.body) as { Volumes: DockerVolume[] | null }).Volumes ?? [])
  }

  /** Makes it, or finds it made. */
  async createVolume(
    name: string,
    labels: Readonly<Record<string, string>>,
  ): Promise<Result<DockerVolume, AgentTrouble>> {
    const answer = await this.#call('POST', '/volumes/create', {
      Name: name,
      Driver: 'local',
      Labels: labels,
    })
    return answer.ok ? ok(JSON.parse(answer.value.body) as DockerVolume) : answer
  }

  /** `held`: a container, running or not, was made with it. */
  async removeVolume(name: string): Promise<Result<'removed' | 'held', AgentTrouble>> {
    const answer = await this.#call('DELETE', `/volumes/${name}`, undefined, [404, 409])
    if (!answer.ok) return answer
    return ok(answer.value.status === 409 ? 'held' : 'removed')
  }

  async runningContainers(): Promise<Result<readonly DockerContainer[], AgentTrouble>> {
    const answer = await this.#call('GET', '/containers/json')
    return answer.ok ? ok(JSON.parse(answer.value.body) as DockerContainer[]) : answer
  }

  async version(): Promise<Result<string, AgentTrouble>> {
    const answer = await this.#call('GET', '/version')
    return answer.ok ? ok(String((JSON.parse(answer.value.body) as { Version: unknown }).Version)) : answer
  }

  async #call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    alsoGood: readonly number[] = [],
  ): Promise<Result<{ readonly status: number; readonly body: string }, AgentTrouble>> {
    try {
      const answer = await this.#client.request({
        method,
        path,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      })
      const text = await answer.body.text()
      const status = answer.statusCode
      if (status < 400 || alsoGood.includes(status)) return ok({ status, body: text })
      return failed({
        message: `the Docker Engine answers ${method} ${path} with ${status}: ${messageIn(text)}`,
      })
    } catch (problem) {
      return failed({ message: `the Docker Engine does not answer: ${reasonOf(problem)}` })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
  }
}

function messageIn(body: string): string {
  try {
    return String((JSON.parse(body) as { message?: unknown }).message ?? body)
  } catch {
    return body.trim()
  }
}

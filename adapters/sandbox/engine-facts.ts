/** What the engine knows about things that a request names. Asked on its own socket, never through the sandbox itself. */
import { type EngineClient, isJsonObject, type JsonObject } from 'powerstrip/sdk'
import type { VolumeMake } from './concern.ts'

/** `unclear`: the name cannot be looked up, or means several things; another part of the engine may still take it for one. */
export type Found = JsonObject | Missing | 'unclear'

/** It is not there, in the engine's own words. */
export class Missing {
  readonly status: number
  readonly message: string

  constructor(status: number, message: string) {
    this.status = status
    this.message = message
  }
}

export interface EngineFacts {
  container(ref: string): Promise<Found>
  volume(name: string): Promise<Found>
  network(ref: string): Promise<Found>
  image(ref: string): Promise<Found>
  exec(id: string): Promise<Found>
  swarm(what: 'services' | 'secrets' | 'configs' | 'tasks', ref: string): Promise<Found>
  /** Makes a volume that the engine would otherwise make without its owner's label. */
  createVolume(name: string, make: VolumeMake): Promise<Found>
}

/** Throws where the engine cannot be asked: nothing is judged on a guess. */
export function factsOf(engine: EngineClient, signal: AbortSignal): EngineFacts {
  const ask = async (method: string, path: string, body?: unknown): Promise<Found> => {
    const answer = await engine.json(method, path, { body, signal })
    if (answer.ok) return isJsonObject(answer.value.body) ? answer.value.body : 'unclear'
    const { failure } = answer
    if (failure.kind !== 'refused') throw new Error(failure.message)
    // Where there is no swarm, everything of a swarm is answered by 503.
    if (failure.status === 404 || failure.status === 503) return new Missing(failure.status, failure.message)
    if (failure.status < 500) return 'unclear'
    throw new Error(`the engine answers ${failure.status} when asked for ${path}: ${failure.message}`)
  }
  const named = (before: string, ref: string, after = ''): Promise<Found> => {
    // A name with a slash or dots would lead to another path.
    if (!PLAIN.test(ref)) return Promise.resolve('unclear')
    return ask('GET', `${before}${encodeURIComponent(ref)}${after}`)
  }
  return {
    container: (ref) => named('/containers/', ref, '/json'),
    volume: (name) => named('/volumes/', name),
    network: (ref) => named('/networks/', ref),
    async image(ref) {
      if (ref.split('/').some((part) => !PLAIN.test(part))) return 'unclear'
      const found = await ask('GET', `/images/${ref.split('/').map(encodeURIComponent).join('/')}/json`)
      // What is no name of an image is none anywhere in the engine.
      return found === 'unclear' ? new Missing(404, `No such image: ${ref}`) : found
    },
    exec: (id) => named('/exec/', id, '/json'),
    swarm: (what, ref) => named(`/${what}/`, ref),
    createVolume: (name, { driver = '', options, labels }) =>
      ask('POST', '/volumes/create', {
        Name: name,
        ...(driver === '' ? {} : { Driver: driver }),
        ...(options === undefined ? {} : { DriverOpts: options }),
        Labels: labels,
      }),
  }
}

const PLAIN = /^(?!\.{1,2}$)[^/\0]+$/

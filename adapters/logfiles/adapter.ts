import { randomUUID } from 'node:crypto'
import { mkdir, rmdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { defineAdapter, type EngineClient, engine, isJsonObject, options, text } from 'powerstrip/sdk'
import { isCleanPath, logPaths, tokenOf, withToken } from './variables.ts'

interface Config {
  /** The folder on the engine's host that holds all logs. */
  readonly root: string
  /** To be asked about a new container. */
  readonly engine: EngineClient
}

interface Metadata {
  /** Names the folders of one container. */
  token: string
}

/** Keeps the folders that a container names in its variable `LOGS` on the host, where they outlive it. */
export default defineAdapter<Config, Metadata>({
  name: 'logfiles',
  version: '1.1.0',
  sideEffects: 'NoneOnDryRun',
  config(value) {
    const config = readOptions(value)
    if (!isCleanPath(config.root))
      throw new TypeError(`"root": "${config.root}" is no clean absolute path without a colon`)
    return config
  },

  pre: {
    async ContainerCreate({ body, config, deny, dryRun, metadata, compensate }) {
      const paths = logPaths(body.Env)
      if (paths.length === 0) return
      const unclean = paths.find((path) => !isCleanPath(path))
      if (unclean !== undefined)
        return deny(`LOGS names "${unclean}", which is no clean absolute path without a colon`, { code: 400 })

      const token = randomUUID()
      const original = join(config.root, 'original', token)
      metadata.token = token
      compensate()
      if (!dryRun) for (const path of paths) await mkdir(join(original, path), { recursive: true })
      // A container is known by its id only after it is made; until then the token says which folders are its own.
      body.Env = withToken(body.Env, token)
      const binds = paths.map((path) => `${join(original, path)}:${path}`)
      body.HostConfig = { ...body.HostConfig, Binds: [...(body.HostConfig?.Binds ?? []), ...binds] }
      return
    },
  },

  post: {
    async ContainerCreate({ request, response, config, metadata, signal }) {
      if (response.code !== 201 || logPaths(request.body.Env).length === 0) return
      const id = response.body.Id
      if (id === undefined || !CONTAINER_ID.test(id))
        throw new Error('the engine answered without the id of the container')
      // A caller of protocol 1 remembers nothing from one hook to the next.
      const token = metadata.token ?? tokenOf(await environmentOf(id, config.engine, signal))
      if (token === undefined)
        throw new Error('the container has no token: is "logfiles" missing among the pre-hooks?')
      const containers = join(config.root, 'containers')
      await mkdir(containers, { recursive: true })
      // Relative, so that the whole tree can be looked at from elsewhere.
      await symlink(join('..', 'original', token), join(containers, id))
    },
  },

  unwind: {
    /** Folders that are empty go, and nothing else does: what a program has written is nobody's to remove. */
    async ContainerCreate({ body, config, metadata }) {
      if (metadata.token === undefined) return
      const original = join(config.root, 'original')
      const folders = logPaths(body.Env).map((path) => join(original, metadata.token!, path))
      for (const folder of folders.sort().reverse()) await removeEmpty(folder, original)
    },
  },
})

/** Up to the folder `end`, which stays. Undoing may be asked for twice. */
async function removeEmpty(folder: string, end: string): Promise<void> {
  for (let at = folder; at !== end; at = dirname(at)) {
    try {
      await rmdir(at)
    } catch (problem) {
      const { code } = problem as NodeJS.ErrnoException
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return
      if (code !== 'ENOENT') throw problem
    }
  }
}

const readOptions = options({ root: text(), engine: engine() })

/** It becomes the name of a file. */
const CONTAINER_ID = /^[0-9a-f]{64}$/

/** The environment of a container, as the engine has it. Throws if the engine cannot be asked or does not know it. */
async function environmentOf(id: string, engine: EngineClient, signal: AbortSignal): Promise<unknown> {
  const inspected = await engine.json('GET', `/containers/${id}/json`, { signal })
  if (!inspected.ok) throw new Error(inspected.failure.message)
  const container = inspected.value.body
  const config = isJsonObject(container) ? container.Config : undefined
  return isJsonObject(config) ? config.Env : undefined
}

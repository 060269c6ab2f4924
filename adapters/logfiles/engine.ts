import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { isJsonObject, parseJson } from 'powerstrip/sdk'

/** The environment of a container, as the engine has it. Throws if the engine cannot be asked or does not know it. */
export async function environmentOf(id: string, engine: string, signal: AbortSignal): Promise<unknown> {
  const call = request({ ...addressOf(engine), path: `/containers/${id}/json`, signal, agent: false }).end()
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  const body = await text(answer)
  if (answer.statusCode !== 200)
    throw new Error(`the engine answers ${answer.statusCode} when asked for container ${id}`)
  const container = parseJson(body)
  const config = isJsonObject(container) ? container.Config : undefined
  return isJsonObject(config) ? config.Env : undefined
}

/** Throws for what is no address of an engine. */
export function addressOf(engine: string): RequestOptions {
  const [, socketPath] = /^unix:\/\/(\/.+)$/.exec(engine) ?? []
  if (socketPath !== undefined) return { socketPath, headers: { host: 'docker' } }
  const [, host, port] = /^(?:tcp|http):\/\/(.+):([0-9]+)\/?$/.exec(engine) ?? []
  if (host !== undefined) return { host: host.replace(/^\[|\]$/g, ''), port }
  throw new TypeError(`"${engine}" is no address of an engine; write unix:///var/run/docker.sock`)
}

import type { RequestOptions } from 'node:http'

/** The part of a request's options that says where the engine is. Throws for what is no address of one. */
export function engineRequestOptions(address: string): RequestOptions {
  const [, socketPath] = /^unix:\/\/(\/.+)$/.exec(address) ?? []
  if (socketPath !== undefined) return { socketPath, headers: { host: 'docker' } }
  const [, host, port] = /^(?:tcp|http):\/\/([^/:]+|\[[0-9a-f:.]+\]):([0-9]{1,5})\/?$/i.exec(address) ?? []
  if (host !== undefined && Number(port) <= 65_535)
    return { host: host.replace(/^\[|\]$/g, ''), port, headers: { host: 'docker' } }
  throw new TypeError(
    `"${address}" is no address of an engine; write unix:///var/run/docker.sock or tcp://127.0.0.1:2375`,
  )
}

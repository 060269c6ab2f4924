/** Where to listen: the addresses of the command line, else the configuration's listeners, else the usual socket. */
import { join, resolve } from 'node:path'
import type { Address, ServerTls } from '../model/address.ts'
import { type ListenerSpec, plainListener } from '../model/listener.ts'
import { DOCKER_TLS_PORT, parseAddress } from '../model/parse-address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { certificatePath } from './engine-target.ts'
import type { Surroundings } from './surroundings.ts'

export interface ListenOptions {
  /** Addresses. None: the configuration says where, or nobody does. */
  readonly listen: readonly string[]
  readonly socketMode: number
  readonly socketOwner: string | undefined
  readonly socketGroup: string | undefined
  readonly tls: TlsFlags
}

/** By the names that Docker's own daemon has for them. */
export interface TlsFlags {
  /** TLS that lets everybody in. */
  readonly tls: boolean
  /** TLS that wants a certificate of the client. */
  readonly tlsverify: boolean
  readonly tlscacert: string | undefined
  readonly tlscert: string | undefined
  readonly tlskey: string | undefined
}

export function listenersOf(
  options: ListenOptions,
  configured: readonly ListenerSpec[],
  env: Surroundings['env'],
): Result<readonly ListenerSpec[], string> {
  const tls = tlsOf(options.tls, env)
  if (!tls.ok) return tls
  const addresses: Address[] = []
  for (const url of options.listen) {
    const address = parseAddress(url, tls.value && DOCKER_TLS_PORT)
    if (!address.ok) return failed(`--listen: ${address.failure}`)
    addresses.push(address.value)
  }
  if (tls.value !== undefined && addresses.every(({ kind }) => kind === 'unix'))
    return failed(
      '--tlsverify and --tls are for --listen tcp://host:port; there is none (listeners of a configuration have "tls" of their own)',
    )
  if (addresses.length === 0 && configured.length > 0) return ok(configured)
  if (addresses.length === 0) addresses.push(usualAddress(env))
  const { socketMode, socketOwner, socketGroup } = options
  const socket = { mode: socketMode, owner: socketOwner, group: socketGroup }
  return ok(
    addresses.map((address) =>
      plainListener(address, { socket, tls: address.kind === 'tcp' ? tls.value : undefined }),
    ),
  )
}

function usualAddress({ XDG_RUNTIME_DIR }: Surroundings['env']): Address {
  return { kind: 'unix', path: `${XDG_RUNTIME_DIR || '/run'}/powerstrip.sock` }
}

function tlsOf(flags: TlsFlags, env: Surroundings['env']): Result<ServerTls | undefined, string> {
  const { tls, tlsverify, tlscacert, tlscert, tlskey } = flags
  if (!tls && !tlsverify) {
    const files = { tlscacert, tlscert, tlskey }
    const given = Object.entries(files).find(([, file]) => file !== undefined)?.[0]
    return given === undefined
      ? ok(undefined)
      : failed(`--${given} does nothing without --tlsverify (or --tls)`)
  }
  const folder = certificatePath(env)
  const file = (given: string | undefined, usual: string) => resolve(given ?? join(folder, usual))
  return ok({
    own: { cert: file(tlscert, 'cert.pem'), key: file(tlskey, 'key.pem') },
    ca: tlsverify ? file(tlscacert, 'ca.pem') : undefined,
    clientAuth: tlsverify ? 'require' : 'none',
  })
}

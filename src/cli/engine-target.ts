/** Which engine, and how: the command line, else the configuration, else what Docker's own clients would take. */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ClientTls, EngineTarget } from '../model/address.ts'
import { DOCKER_TLS_PORT, parseAddress } from '../model/parse-address.ts'
import { failed, ok, type Result } from '../model/result.ts'
import type { Surroundings } from './surroundings.ts'

const USUAL_ENGINE = 'unix:///var/run/docker.sock'

export interface EngineOptions {
  readonly upstream: string | undefined
  /** A folder with `ca.pem`, and `cert.pem` and `key.pem` where the engine asks for a certificate. */
  readonly upstreamTls: string | undefined
}

export function engineTarget(
  { upstream, upstreamTls }: EngineOptions,
  configured: EngineTarget | undefined,
  env: Surroundings['env'],
): Result<EngineTarget, string> {
  if (upstream !== undefined) return named('--upstream', upstream, tlsOf(upstreamTls, env))
  if (upstreamTls !== undefined) return failed('--upstream-tls goes with --upstream tcp://host:2376')
  if (configured !== undefined) return ok(configured)
  if (env.DOCKER_HOST) return named('DOCKER_HOST', env.DOCKER_HOST, tlsOf(undefined, env))
  return named('the usual engine', USUAL_ENGINE, ok(undefined))
}

function named(
  source: string,
  url: string,
  tls: Result<ClientTls | undefined, string>,
): Result<EngineTarget, string> {
  const address = parseAddress(url, tls.ok && tls.value !== undefined ? DOCKER_TLS_PORT : undefined)
  if (!address.ok) return failed(`${source}: ${address.failure}`)
  // As with Docker's own clients, the variables for TLS mean nothing for a socket on this machine.
  if (address.value.kind === 'unix') return ok({ address: address.value, tls: undefined })
  return tls.ok ? ok({ address: address.value, tls: tls.value }) : tls
}

function tlsOf(folder: string | undefined, env: Surroundings['env']): Result<ClientTls | undefined, string> {
  if (folder !== undefined) return tlsIn(folder, '--upstream-tls')
  if (env.DOCKER_TLS_VERIFY) return tlsIn(certificatePath(env), 'DOCKER_TLS_VERIFY')
  if (env.DOCKER_TLS)
    return failed(
      'DOCKER_TLS alone would believe any engine; set DOCKER_TLS_VERIFY=1, or unset both for plain TCP',
    )
  return ok(undefined)
}

/** Where Docker's programs look for certificates. */
export function certificatePath(env: Surroundings['env']): string {
  return env.DOCKER_CERT_PATH || join(env.HOME || homedir(), '.docker')
}

function tlsIn(folder: string, source: string): Result<ClientTls, string> {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => resolve(folder, name))
  if (!existsSync(ca!)) return failed(`${source}: there is no ${ca}, to tell the engine by`)
  const own = existsSync(cert!) && existsSync(key!) ? { cert: cert!, key: key! } : undefined
  return ok({ ca, own })
}

/** Mutual TLS, with files named as for Docker's own: a CA, a certificate, its key. */
import { readFile } from 'node:fs/promises'
import { failed, ok, type Result } from '../model/result.ts'
import { reasonOf } from './reason.ts'

export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface TlsIdentity {
  readonly ca: Buffer
  readonly cert: Buffer
  readonly key: Buffer
}

/** Nobody without a certificate of the same CA is listened to. */
export interface ServerTls extends TlsIdentity {
  readonly requestCert: true
  readonly rejectUnauthorized: true
}

export async function readTls(files: TlsFiles): Promise<Result<TlsIdentity, string>> {
  const read: Record<string, Buffer> = {}
  for (const name of ['ca', 'cert', 'key'] as const) {
    try {
      read[name] = await readFile(files[name])
    } catch (problem) {
      return failed(`--tls-${name}: ${reasonOf(problem)}`)
    }
  }
  return ok({ ca: read.ca!, cert: read.cert!, key: read.key! })
}

export function serverTls(identity: TlsIdentity): ServerTls {
  return { ...identity, requestCert: true, rejectUnauthorized: true }
}

/** How calls show that they come from this proxy, and replies that they come from the adapter (protocol 2, section 11). */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { LineFields } from './line.ts'
import { SecretFile } from './secret-file.ts'

/** Absolute names of files. */
export type AuthSettings =
  | { readonly kind: 'bearer'; readonly file: string }
  /** One secret a line, the newest first. */
  | { readonly kind: 'hmac'; readonly file: string }

export interface Auth {
  /** Fields that prove the call, made at `nowMs`. Throws where the secret cannot be read. */
  fieldsFor(uid: string, body: string, nowMs?: number): Readonly<Record<string, string>>
  /** What is wrong with a reply, if anything. */
  objection(uid: string, body: string, fields: LineFields): string | undefined
}

/** How far the clocks of both sides may be apart, in seconds (Standard Webhooks). */
const TOLERANCE_S = 300

export function authOf(settings: AuthSettings | undefined): Auth {
  if (settings === undefined) return { fieldsFor: () => NOTHING, objection: () => undefined }
  const secret = new SecretFile(settings.file)
  if (settings.kind === 'bearer')
    return {
      fieldsFor: () => ({ Authorization: `Bearer ${tokenIn(secret)}` }),
      objection: () => undefined,
    }
  return {
    fieldsFor(uid, body, nowMs = Date.now()) {
      const timestamp = String(Math.floor(nowMs / 1000))
      const signatures = secret.lines().map((key) => signatureOf(key, uid, timestamp, body))
      return { 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
    },
    objection(uid, body, fields) {
      const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(
        (name) => fields[name],
      )
      if (id !== uid || typeof timestamp !== 'string' || typeof signatures !== 'string')
        return 'its reply is not signed'
      if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_S))
        return 'the signature of its reply is not of this time; compare the clocks'
      const given = signatures.split(' ')
      const holds = secret
        .lines()
        .some((key) => given.some((one) => same(one, signatureOf(key, uid, timestamp, body))))
      return holds ? undefined : 'the signature of its reply is wrong'
    },
  }
}

/** HMAC-SHA256 over `id.timestamp.body`. A key of the form `whsec_…` is base64, any other is its own bytes. */
export function signatureOf(key: string, id: string, timestamp: string, body: string): string {
  const bytes = key.startsWith(PREFIX) ? Buffer.from(key.slice(PREFIX.length), 'base64') : Buffer.from(key)
  return `v1,${createHmac('sha256', bytes).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

const PREFIX = 'whsec_'
const NOTHING = Object.freeze({})

function tokenIn(secret: SecretFile): string {
  const [token] = secret.lines()
  // Anything else could end its header line.
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
    throw new Error('its bearer token cannot stand in a header')
  return token
}

function same(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

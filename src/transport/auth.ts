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

/** Names of the fields that a signature is made of. */
const ID = 'webhook-id'
const TIMESTAMP = 'webhook-timestamp'
const SIGNATURE = 'webhook-signature'

export function authOf(settings: AuthSettings | undefined): Auth {
  if (settings === undefined) return { fieldsFor: () => NOTHING, objection: () => undefined }
  const secret = new SecretFile(settings.file)
  if (settings.kind === 'bearer')
    return {
      fieldsFor: () => ({ Authorization: `Bearer ${tokenIn(secret)}` }),
      objection: () => undefined,
    }
  return {
    fieldsFor: (uid, body, nowMs) => signatureFields(secret.lines(), uid, body, nowMs),
    objection(uid, body, fields) {
      const problem = signatureProblem(secret.lines(), body, fields)
      if (problem === undefined) return fields[ID] === uid ? undefined : REPLY_PROBLEMS.unsigned
      return REPLY_PROBLEMS[problem]
    },
  }
}

/** Neither side's clock, nor what stands between them, is to be trusted blindly. */
export type SignatureProblem = 'unsigned' | 'untimely' | 'wrong'

const REPLY_PROBLEMS: Readonly<Record<SignatureProblem, string>> = {
  unsigned: 'its reply is not signed',
  untimely: 'the signature of its reply is not of this time; compare the clocks',
  wrong: 'the signature of its reply is wrong',
}

/** What is wrong with the signature of a call or a reply, if anything. Any of the keys will do. */
export function signatureProblem(
  keys: readonly string[],
  body: string,
  fields: LineFields,
): SignatureProblem | undefined {
  const [id, timestamp, signatures] = [fields[ID], fields[TIMESTAMP], fields[SIGNATURE]]
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string')
    return 'unsigned'
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_S)) return 'untimely'
  const given = signatures.split(' ')
  return keys.some((key) => given.some((one) => sameSecret(one, signatureOf(key, id, timestamp, body))))
    ? undefined
    : 'wrong'
}

/** Fields that prove a call or a reply, signed with each of the keys. */
export function signatureFields(
  keys: readonly string[],
  uid: string,
  body: string,
  nowMs = Date.now(),
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1000))
  const signatures = keys.map((key) => signatureOf(key, uid, timestamp, body))
  return { [ID]: uid, [TIMESTAMP]: timestamp, [SIGNATURE]: signatures.join(' ') }
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

/** Takes as long whatever is different. */
export function sameSecret(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

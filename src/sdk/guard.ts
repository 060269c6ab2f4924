/** Who may call an adapter that is served, and how its replies show whose they are (protocol 2, section 11). */
import type { IncomingHttpHeaders } from 'node:http'
import { type SignatureProblem, sameSecret, signatureFields, signatureProblem } from '../transport/auth.ts'
import { SecretFile } from '../transport/secret-file.ts'

/** Files are read again when they change. */
export type ServeAuth =
  /** A token a line: callers have to show one of them. */
  | { readonly bearer: { readonly file: string } }
  /** A secret a line: calls are signed with any of them, replies with all. */
  | { readonly hmac: { readonly file: string } }

export interface Guard {
  /** What is wrong with a call, if anything. Throws where the secret cannot be read. */
  objection(headers: IncomingHttpHeaders, body: string): string | undefined
  /** The same for a question, which has no body to be signed. */
  questionObjection(headers: IncomingHttpHeaders): string | undefined
  /** Fields that prove a reply. */
  fieldsFor(uid: string, body: string): Readonly<Record<string, string>>
}

/** Throws where there is no secret to be read. */
export function guardOf(auth: ServeAuth | undefined): Guard {
  if (auth === undefined)
    return { objection: () => undefined, questionObjection: () => undefined, fieldsFor: () => NOTHING }
  const secret = new SecretFile('bearer' in auth ? auth.bearer.file : auth.hmac.file)
  secret.lines()
  if ('bearer' in auth) {
    const objection = ({ authorization = '' }: IncomingHttpHeaders) =>
      secret.lines().some((token) => sameSecret(authorization, `Bearer ${token}`)) ? undefined : NO_TOKEN
    return { objection, questionObjection: objection, fieldsFor: () => NOTHING }
  }
  return {
    objection(headers, body) {
      const problem = signatureProblem(secret.lines(), body, headers)
      return problem && CALL_PROBLEMS[problem]
    },
    // What an adapter can do is no secret, and a signature of nothing would prove nothing.
    questionObjection: () => undefined,
    fieldsFor: (uid, body) => signatureFields(secret.lines(), uid, body),
  }
}

const NOTHING = Object.freeze({})
const NO_TOKEN = 'the call does not show the token that is expected here'

const CALL_PROBLEMS: Readonly<Record<SignatureProblem, string>> = {
  unsigned: 'the call is not signed',
  untimely: 'the signature of the call is not of this time; compare the clocks',
  wrong: 'the signature of the call is wrong',
}

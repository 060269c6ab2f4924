/** What must not appear in a log: a body without its secrets. */
import { isJsonObject, type Json, type JsonObject } from 'powerstrip/sdk'

const MASK = '***'

/** Keys whose whole value is a secret, or holds nothing else. In lower case: clients may spell them as they like. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'auth',
  'authconfig',
  'authconfigs',
  'identitytoken',
  'password',
  'registrytoken',
  'jointoken',
  'jointokens',
  'unlockkey',
  'signingcakey',
])

/** Operations whose `Data` is the secret itself. */
const DATA_OPERATIONS: ReadonlySet<string> = new Set([
  'SecretCreate',
  'SecretUpdate',
  'ConfigCreate',
  'ConfigUpdate',
  'ConfigList',
  'ConfigInspect',
])

/** A copy with every secret replaced by `***`. */
export function maskSecrets(value: Json, operation: string): Json {
  if (typeof value === 'string') return value.replace(URL_PASSWORD, `$1${MASK}@`)
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, operation))
  if (!isJsonObject(value)) return value
  const masked: JsonObject = {}
  for (const [key, member] of Object.entries(value)) masked[key] = maskMember(key, member ?? null, operation)
  return masked
}

/** The values of build arguments, which stand in the query as JSON. */
export function maskTarget(target: string): string {
  return target.replace(/([?&]buildargs=)[^&]*/g, `$1${MASK}`).replace(UNPRINTABLE, encodeURIComponent)
}

/** `proxy.example` is worth seeing in `https://user:password@proxy.example`, the password is not. */
const URL_PASSWORD = /(:\/\/[^/\s:@]*:)[^/\s@]*@/g

/** A target is visible ASCII; what a strange caller sends instead must not reach a terminal as it is. */
const UNPRINTABLE = /[^!-~]/gu

function maskMember(key: string, value: Json, operation: string): Json {
  const folded = key.toLowerCase()
  if (folded === 'env') return Array.isArray(value) ? value.map(maskVariable) : MASK
  if (folded === 'data' && DATA_OPERATIONS.has(operation)) return MASK
  if (SECRET_KEYS.has(folded) && value !== null && value !== '') return MASK
  return maskSecrets(value, operation)
}

/** The name of a variable helps, and is no secret. */
function maskVariable(variable: Json): Json {
  if (typeof variable !== 'string') return MASK
  const equals = variable.indexOf('=')
  return equals === -1 ? variable : `${variable.slice(0, equals)}=${MASK}`
}

/** Why an adapter could not be reached, in words that stand in parentheses. */
export function causeOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return WORDS[code] ?? (error.message || code || error.name)
}

/** Codes of the system and of undici. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed while the call was sent',
  UND_ERR_SOCKET: 'connection closed without a reply',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name of its host could not be looked up',
  ENOENT: 'no such socket',
  EACCES: 'no permission to open its socket',
  EHOSTUNREACH: 'no route to its host',
  ENETUNREACH: 'no route to its network',
  ETIMEDOUT: 'connection timed out',
}

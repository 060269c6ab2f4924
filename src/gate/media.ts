/** Media types, as far as showing a body to hooks depends on them. */

/** The type without its parameters, in lower case; empty where there is none. */
export function mediaType(field: string | null | undefined): string {
  return field?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function isJson(type: string): boolean {
  return type === 'application/json'
}

/** What cannot be put into a text message, whatever bytes it happens to hold. */
export function isBinary(type: string): boolean {
  return BINARY.has(type) || /^(?:image|audio|video|font)\//.test(type)
}

const BINARY: ReadonlySet<string> = new Set([
  'application/x-tar',
  'application/tar',
  'application/octet-stream',
  'application/gzip',
  'application/x-gzip',
  'application/zip',
  'application/zstd',
  'application/x-xz',
  'application/x-bzip2',
  'application/vnd.docker.raw-stream',
  'application/vnd.docker.multiplexed-stream',
])

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Nothing if the bytes are not valid UTF-8. A byte order mark stays in the text, where JSON does not allow it. */
export function utf8Text(data: Buffer): string | undefined {
  try {
    return STRICT_UTF8.decode(data)
  } catch {
    return undefined
  }
}

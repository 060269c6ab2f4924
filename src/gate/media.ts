/** Media types, as far as showing a body to hooks depends on them. */

/** The type without its parameters, in lower case; empty where there is none. */
export function mediaType(field: string | null | undefined): string {
  if (field === PLAIN_JSON) return field
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

/** How JSON is labelled where it is sent on. */
export const PLAIN_JSON = 'application/json'

/** What keeps a content type from standing for JSON in UTF-8 (PS-TYPE-001); nothing if it does. */
export function jsonTypeProblem(field: string): string | undefined {
  if (field === PLAIN_JSON) return undefined
  const named = `the content type ${JSON.stringify(field)}`
  if (!isJson(mediaType(field))) return `${named} is not application/json`
  const seen = new Set<string>()
  let rest = field.slice(field.indexOf(';') === -1 ? field.length : field.indexOf(';'))
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest)
    if (parameter === null) return `${named} has parameters that are not of the form name=value`
    const [whole, name, value = ''] = parameter
    if (name !== undefined) {
      const key = name.toLowerCase()
      if (seen.has(key)) return `${named} has the parameter "${key}" twice`
      seen.add(key)
      if (key === 'charset' && !/^(?:utf-8|"utf-8")$/i.test(value))
        return `${named} names a charset that is not utf-8`
    }
    rest = rest.slice(whole.length)
  }
  return undefined
}

/** One parameter with the semicolon before it; RFC 9110, section 5.6.6, lets nothing follow a semicolon too. */
const PARAMETER =
  /^[ \t]*;[ \t]*(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\[\t -~])*"))?[ \t]*(?=;|$)/

const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Stands for each byte that is no text. */
const REPLACEMENT = '\ufffd'

/** Nothing if the bytes are not valid UTF-8. A byte order mark stays in the text, where JSON does not allow it. */
export function utf8Text(data: Buffer): string | undefined {
  // The strict reader takes twice as long, and is needed only to tell a mark of the client's own from what stands for a bad byte.
  const text = data.toString()
  if (!text.includes(REPLACEMENT)) return text
  try {
    return STRICT_UTF8.decode(data)
  } catch {
    return undefined
  }
}

/**
 * PEM files on disk as what TLS needs of them, read again when they change.
 *
 * Certificates live for weeks and processes for months. Tools that renew them replace certificate and key one after the
 * other, so for a moment the two do not belong together: then what was good last stays in force.
 */
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { failed, ok, type Result } from '../model/result.ts'

/** Names of the files. */
export interface PemFiles {
  readonly ca: string | undefined
  readonly own: { readonly cert: string; readonly key: string } | undefined
}

/** What they say. */
export interface Credentials {
  readonly options: Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'minVersion'>
  readonly context: SecureContext
}

/** TLS 1.2 is the oldest that Docker's own clients and engines speak (PS-LISTEN-003). */
const OLDEST_TLS = 'TLSv1.2'

export class TlsFiles {
  readonly #files: PemFiles
  #stamp = ''
  #last: Credentials | undefined

  constructor(files: PemFiles) {
    this.#files = files
  }

  /** The names of the files. */
  get names(): readonly string[] {
    const { ca, own } = this.#files
    return [...(own === undefined ? [] : [own.cert, own.key]), ...(ca === undefined ? [] : [ca])]
  }

  /** What the files say now: the same object as before where none of them has changed. */
  async read(): Promise<Result<Credentials, string>> {
    const stamp = await this.#stampNow()
    if (this.#last !== undefined && stamp === this.#stamp) return ok(this.#last)
    const read = await readCredentials(this.#files)
    if (!read.ok) return read
    this.#stamp = stamp
    this.#last = read.value
    return read
  }

  /** What changes whenever one of the files does. */
  async #stampNow(): Promise<string> {
    const stamps = this.names.map(async (name) => {
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await stat(name, { bigint: true })
        return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
      } catch {
        // Reading it will tell what is wrong.
        return 'unreadable'
      }
    })
    return (await Promise.all(stamps)).join('\n')
  }
}

async function readCredentials({ ca, own }: PemFiles): Promise<Result<Credentials, string>> {
  const texts: Record<string, Buffer> = {}
  const wanted = {
    ...(ca === undefined ? {} : { ca }),
    ...(own === undefined ? {} : { cert: own.cert, key: own.key }),
  }
  for (const [part, name] of Object.entries(wanted)) {
    try {
      texts[part] = await readFile(name)
    } catch (cause) {
      return failed(`${name} cannot be read: ${reason(cause as NodeJS.ErrnoException)}`)
    }
    if (!texts[part].includes('-----BEGIN ')) return failed(`${name} is not a PEM file`)
  }
  const options = { ...texts, minVersion: OLDEST_TLS } as const
  try {
    return ok({ options, context: createSecureContext(options) })
  } catch (cause) {
    const files = Object.values(wanted).join(', ')
    return failed(`the certificates cannot be used (${(cause as Error).message}): ${files}`)
  }
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'there is no such file'
  return code === 'EACCES' ? 'permission denied' : message
}

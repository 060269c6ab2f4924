/** What the two flocker commands take alike. */
import { readTls, type TlsIdentity } from '../flocker/tls.ts'
import { parseAddress } from '../model/parse-address.ts'
import { failed, ok, type Result } from '../model/result.ts'

export interface TlsFlags {
  readonly tlsCa: string | undefined
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
}

export interface ListenAt {
  readonly host: string
  readonly port: number
}

/** `HOST:PORT`, with or without `tcp://`. */
export function parseListen(text: string): Result<ListenAt, string> {
  const address = parseAddress(text.includes('://') ? text : `tcp://${text}`)
  if (address.ok && address.value.kind === 'tcp' && /:[0-9]+$/.test(text))
    return ok({ host: address.value.host, port: address.value.port })
  return failed(`--listen: "${text}" is not an address to listen on; write HOST:PORT, as in 127.0.0.1:4523`)
}

/** All three or none. */
export async function loadTls(flags: TlsFlags): Promise<Result<TlsIdentity | undefined, string>> {
  const { tlsCa: ca, tlsCert: cert, tlsKey: key } = flags
  if (ca === undefined && cert === undefined && key === undefined) return ok(undefined)
  if (ca === undefined || cert === undefined || key === undefined)
    return failed('--tls-ca, --tls-cert and --tls-key belong together: give all three or none')
  return readTls({ ca, cert, key })
}

export function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'

/** A checksum. In base64, so that it is not taken for one of Docker's ids, which are masked before ways are compared. */
export function fingerprint(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('base64')
}

export async function fingerprintOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of stream) hash.update(part as Buffer)
  return hash.digest('base64')
}

export function fingerprintFile(path: string): Promise<string> {
  return fingerprintOf(createReadStream(path))
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** A checksum. In base64, so that it is not taken for one of Docker's ids, which are masked before ways are compared. */
export function fingerprint(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('base64')
}

export async function fingerprintFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path)) hash.update(part as Buffer)
  return hash.digest('base64')
}

import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of this machine for the tests of a block; gone after the last of them. */
export function scratchFolder(): { readonly path: string } {
  let path: string | undefined
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'client-'))
  })
  afterAll(async () => {
    if (path !== undefined) await rm(path, { recursive: true, force: true })
  })
  return {
    get path() {
      if (path === undefined) throw new Error('the folder is there inside tests and hooks only')
      return path
    },
  }
}

/** Writes a file that nothing can compress or guess. */
export async function randomFile(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'w')
  try {
    for (let left = bytes; left > 0; left -= PIECE_BYTES)
      await file.write(randomBytes(Math.min(left, PIECE_BYTES)))
  } finally {
    await file.close()
  }
  return path
}

const PIECE_BYTES = 4 * 1024 * 1024

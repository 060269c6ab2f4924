/** Which node this is: an id that is made once and kept in a file, because copies of datasets are remembered by it. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failed, ok, type Result } from '../../model/result.ts'
import { writeFileDurably } from '../durable.ts'
import { reasonOf } from '../reason.ts'
import type { AgentTrouble } from './trouble.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export async function nodeIdentity(directory: string): Promise<Result<string, AgentTrouble>> {
  const file = join(directory, 'node')
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const kept = await readFile(file, 'utf8').catch((problem: NodeJS.ErrnoException) => {
      if (problem.code === 'ENOENT') return undefined
      throw problem
    })
    if (kept !== undefined) {
      const id = kept.trim()
      return UUID.test(id) ? ok(id) : failed({ message: `${file} does not hold the id of a node` })
    }
    const id = randomUUID()
    await writeFileDurably(file, `${id}\n`)
    return ok(id)
  } catch (problem) {
    return failed({ message: `${file} cannot be used: ${reasonOf(problem)}` })
  }
}

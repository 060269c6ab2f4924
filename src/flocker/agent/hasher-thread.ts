/** The thread of a `Hasher`: one directory after another, with what it has hashed before in mind. */
import { parentPort } from 'node:worker_threads'
import { reasonOf } from '../reason.ts'
import type { HasherAnswer, HasherQuestion } from './hasher.ts'
import { encodeEntry } from './manifest.ts'
import { type HashCache, readManifest } from './read-manifest.ts'

/** Entries are passed on in pieces of about this many characters. */
const PIECE_CHARACTERS = 256 * 1024

const cache: HashCache = new Map()

parentPort?.on('message', ({ id, directory }: HasherQuestion) => {
  const answer = (message: HasherAnswer) => parentPort!.postMessage(message)
  try {
    let lines = ''
    for (const entry of readManifest(directory, cache)) {
      lines += `${encodeEntry(entry)}\n`
      if (lines.length < PIECE_CHARACTERS) continue
      answer({ id, kind: 'lines', lines })
      lines = ''
    }
    if (lines !== '') answer({ id, kind: 'lines', lines })
    answer({ id, kind: 'done' })
  } catch (problem) {
    answer({ id, kind: 'failed', message: reasonOf(problem) })
  }
})

/** The thread of a `Hasher`: one directory after another, with what it has hashed before in mind. */
import { parentPort } from 'node:worker_threads'
import { reasonOf } from '../reason.ts'
import type { HasherAnswer, HasherQuestion } from './hasher.ts'
import { encodeEntry } from './manifest.ts'
import { type HashCache, hashAhead, readManifest } from './read-manifest.ts'

/** Entries are passed on in pieces of about this many characters. */
const PIECE_CHARACTERS = 256 * 1024

const cache: HashCache = new Map()

parentPort?.on('message', (question: HasherQuestion) => {
  const { id, directory } = question
  const answer = (message: HasherAnswer) => parentPort!.postMessage(message)
  try {
    if (question.what === 'manifest')
      for (const lines of manifestLines(directory)) answer({ id, kind: 'lines', lines })
    else hashAhead(directory, question.untouchedSinceMs, cache)
    answer({ id, kind: 'done' })
  } catch (problem) {
    answer({ id, kind: 'failed', message: reasonOf(problem) })
  }
})

function* manifestLines(directory: string): Generator<string> {
  let lines = ''
  for (const entry of readManifest(directory, cache)) {
    lines += `${encodeEntry(entry)}\n`
    if (lines.length < PIECE_CHARACTERS) continue
    yield lines
    lines = ''
  }
  if (lines !== '') yield lines
}

import { randomBytes } from 'node:crypto'
import { Client, request } from '../client/client.ts'
import { TAR_END, tarEntry } from '../tar.ts'
import type { Scenario } from './scenario.ts'
import { STREAM_BYTES, STREAM_FIGURES, StreamWatch } from './streams.ts'

/** As the docker CLI cuts its uploads: by the buffer of Go's `io.Copy`. */
const CHUNK_BYTES = 32 * 1024

/**
 * The big archive holds one file of this size, over and over. The engine writes all of it, to a tmpfs, where each copy
 * takes the place of the one before.
 */
const ENTRY_BYTES = 16 * 1024 * 1024

const SAMPLE_BYTES = 1_000_000

/** `docker cp` into a container, chunked. */
export const upload: Scenario = {
  id: 'upload',
  title: 'one big chunked upload (PUT …/archive, unix)',
  figures: STREAM_FIGURES,
  rounds: { full: 5, quick: 1 },
  async prepare({ engine, box, pace }) {
    const put = request(
      'PUT',
      `/containers/${box}/archive?path=/mem`,
      'Content-Type: application/x-tar',
      'Transfer-Encoding: chunked',
    )
    const entry = tarEntry('upload', Buffer.alloc(ENTRY_BYTES))
    const entryInChunks = inChunks(entry)
    const end = Buffer.concat([inChunks(TAR_END), Buffer.from('0\r\n\r\n')])
    const entries = Math.ceil(STREAM_BYTES[pace] / entry.length)
    const streams = new StreamWatch()

    /** Resolves when the engine has answered. */
    const send = async (where: string, parts: Iterable<Buffer>, signal: AbortSignal): Promise<void> => {
      using client = new Client(where, { signal })
      await client.connected()
      client.begin(put)
      const answered = client.reached('complete')
      // Two parts under way: there is always one to write from.
      let under = Promise.resolve()
      for (const part of parts) {
        const written = client.send(part)
        // An engine that refuses says so in its answer; that the rest cannot be written is not the news.
        await Promise.race([under, answered])
        under = written.catch(() => undefined)
      }
      const { status, head } = await answered
      if (status !== 200) throw new Error(`the upload is answered ${status}:\n${head}`)
    }

    return {
      async check(subject, signal) {
        const sample = tarEntry('sample', randomBytes(SAMPLE_BYTES))
        await send(subject.socket, [inChunks(sample), end], signal)
        using client = new Client(engine.socket, { signal })
        const back: Buffer[] = []
        await client.ask(request('GET', `/containers/${box}/archive?path=/mem/sample`), (part) =>
          back.push(Buffer.from(part)),
        )
        if (!Buffer.concat(back).includes(sample.subarray(512, 512 + SAMPLE_BYTES)))
          throw new Error('a file reaches the engine changed')
      },
      measure: (subject, signal) =>
        streams.watch(subject, async () => {
          await send(subject.socket, repeated(entryInChunks, entries, end), signal)
          return entries * entry.length
        }),
    }
  },
}

function* repeated(part: Buffer, times: number, end: Buffer): Iterable<Buffer> {
  for (let n = 0; n < times; n++) yield part
  yield end
}

function inChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

import { createHash } from 'node:crypto'
import { mustDocker } from '../box.ts'
import { Client, request, type Where } from '../client/client.ts'
import type { Scenario } from './scenario.ts'
import { STREAM_BYTES, STREAM_FIGURES, StreamWatch } from './streams.ts'

const SAMPLE_BYTES = 8_000_000

/**
 * `docker cp` of one big file out of a container. The file is a hole in a tmpfs: the engine reads zeros, and neither a
 * disk nor the machine's memory has a say.
 */
export const download: Scenario = {
  id: 'download',
  title: 'one big download (GET …/archive, unix)',
  figures: STREAM_FIGURES,
  rounds: { full: 5, quick: 1 },
  async prepare({ engine, box, pace }) {
    const make = `truncate -s ${STREAM_BYTES[pace]} /mem/big; head -c ${SAMPLE_BYTES} /dev/urandom >/mem/sample`
    await mustDocker(engine.host, ['exec', box, 'sh', '-c', make])
    const streams = new StreamWatch()
    const archiveOf = (name: string) => request('GET', `/containers/${box}/archive?path=/mem/${name}`)
    return {
      async check(subject, signal) {
        const right = await digestOf(engine.socket, archiveOf('sample'), signal)
        const told = await digestOf(subject.socket, archiveOf('sample'), signal)
        if (told !== right) throw new Error('a file comes out of the engine changed')
      },
      async measure(subject, signal) {
        using client = new Client(subject.socket, { signal })
        await client.connected()
        return await streams.watch(subject, async () => {
          const answer = await client.ask(archiveOf('big'))
          if (answer.status !== 200 || answer.bodyBytes < STREAM_BYTES[pace])
            throw new Error(`the download ends with ${answer.status} after ${answer.bodyBytes} bytes`)
          return answer.bodyBytes
        })
      },
    }
  },
}

async function digestOf(where: Where, archive: Buffer, signal: AbortSignal): Promise<string> {
  using client = new Client(where, { signal })
  const hash = createHash('sha256')
  const answer = await client.ask(archive, (part) => hash.update(part))
  if (answer.status !== 200 || answer.bodyBytes < SAMPLE_BYTES)
    throw new Error(`an archive answers ${answer.status} with ${answer.bodyBytes} bytes`)
  return hash.digest('hex')
}

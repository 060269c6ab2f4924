import type { Powerstrip } from '../powerstrip.ts'
import { request } from './box.ts'
import { RawPeer } from './peer.ts'
import { openFiles, settled, still } from './proc.ts'

/** The connection that is asked over, and the one behind it to the engine. */
const OWN_FILES = 2

/**
 * How many files a powerstrip has open once it has closed all that is over. It answers a request before each look: a process
 * that has had no turn for a while looks as still as one that has nothing to do.
 */
export async function filesAtRest({ pid, socket }: Powerstrip): Promise<number> {
  await using peer = await RawPeer.connect({ kind: 'unix', path: socket })
  const asked = await still(async () => {
    peer.write(request('GET', '/_ping'))
    if ((await peer.answer()).status !== 200) throw new Error('the engine does not answer')
    return openFiles(pid)
  })
  peer.destroy()
  const files = asked - OWN_FILES
  return await settled(
    () => openFiles(pid),
    (seen) => seen <= files,
    30_000,
  )
}

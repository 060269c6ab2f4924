/**
 * A program that opens many connections, sends the same request on each, and says in lines what all of them have
 * received: `node --import tsx hold-connections.ts '{"door":…,"count":…,"request":…,"marks":[…]}'`. It holds them until it
 * is killed, as clients are.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Door } from './door.ts'
import { RawPeer } from './peer.ts'

export interface Holding {
  readonly door: Door
  readonly count: number
  readonly request: string
  /** Whether each sends its FIN behind the request. */
  readonly ends?: boolean
  /** Told of one by one, in this order, when each connection has received it. */
  readonly marks: readonly string[]
}

async function hold({ door, count, request, ends = false, marks }: Holding): Promise<void> {
  const peers = await Promise.all(Array.from({ length: count }, () => connect(door)))
  await Promise.all(peers.map((peer) => peer.writeAll(request)))
  if (ends) for (const peer of peers) peer.end()
  console.log('sent')
  for (const mark of marks) {
    await Promise.all(peers.map((peer) => peer.until(mark)))
    console.log(mark)
  }
  process.stdin.resume()
}

/** No unix listener has room for any number of clients at the same moment; to some it says to try again. */
async function connect(door: Door): Promise<RawPeer> {
  for (;;) {
    try {
      return await RawPeer.connect(door)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause
      await sleep(AGAIN_MS)
    }
  }
}

const AGAIN_MS = 20

void hold(JSON.parse(process.argv[2]!) as Holding)

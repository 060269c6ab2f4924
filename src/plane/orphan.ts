/** Whether a TCP peer on this machine has closed its socket altogether. */
import { readFile } from 'node:fs/promises'
import { isIPv4, type Socket } from 'node:net'

/**
 * A FIN looks the same from a peer that has no more to say and from one that was killed. Of a peer on this machine,
 * which is all that a loopback listener has, the kernel tells more: its table of sockets names the inode of each, and a
 * socket that no process holds any more has inode 0 (proc_net_tcp in the kernel's documentation). Where there is no such
 * table, or the peer is not in it because it lives in another network namespace, nothing is known and the answer is no.
 */
export async function isOrphaned(socket: Socket): Promise<boolean> {
  const { localAddress, localPort, remoteAddress, remotePort } = socket
  if (localAddress === undefined || remoteAddress === undefined) return false
  if (!isIPv4(localAddress) || !isIPv4(remoteAddress)) return false
  return (await orphans()).has(`${entry(remoteAddress, remotePort)} ${entry(localAddress, localPort)}`)
}

let reading: Promise<ReadonlySet<string>> | undefined
let next: Promise<ReadonlySet<string>> | undefined

/**
 * The ends of all sockets that nobody holds, as they are from now on. Everybody who asks while the table is being read shares the
 * reading after that: a thousand clients that wait in silence must not mean a thousand open tables with a thousand rows each.
 */
function orphans(): Promise<ReadonlySet<string>> {
  if (reading === undefined) {
    reading = readOrphans().finally(() => {
      reading = undefined
    })
    return reading
  }
  next ??= reading.then(() => {
    next = undefined
    return orphans()
  })
  return next
}

async function readOrphans(): Promise<ReadonlySet<string>> {
  const table = await readFile('/proc/net/tcp', 'latin1').catch(() => '')
  const ends = new Set<string>()
  for (const row of table.split('\n')) {
    const columns = row.trim().split(/\s+/)
    if (columns[INODE_COLUMN] === '0') ends.add(`${columns[OWN_COLUMN]} ${columns[OTHER_COLUMN]}`)
  }
  return ends
}

const OWN_COLUMN = 1
const OTHER_COLUMN = 2
const INODE_COLUMN = 9

/** `127.0.0.1`, 80 → `0100007F:0050`: the address as one number in the machine's byte order, which is little-endian. */
function entry(address: string, port = 0): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return `${bytes.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

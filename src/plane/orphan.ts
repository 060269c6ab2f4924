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
  const ends = `${entry(remoteAddress, remotePort)} ${entry(localAddress, localPort)}`
  const table = await readFile('/proc/net/tcp', 'latin1').catch(() => '')
  const row = table.split('\n').find((line) => line.includes(ends))
  return row !== undefined && row.trim().split(/\s+/)[INODE_COLUMN] === '0'
}

const INODE_COLUMN = 9

/** `127.0.0.1`, 80 → `0100007F:0050`: the address as one number in the machine's byte order, which is little-endian. */
function entry(address: string, port = 0): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  return `${bytes.reverse().join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

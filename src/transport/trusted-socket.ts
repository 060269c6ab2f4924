/** Whether the unix socket of an adapter belongs to whom it should: what is sent there decides over containers. */
import { stat } from 'node:fs/promises'

const ROOT = 0
const OTHERS_MAY_WRITE = 0o002

/** Rejects with what is wrong. Whoever may write to a socket can connect; whoever owns it can answer in its place. */
export async function trustSocket(path: string): Promise<void> {
  const found = await stat(path)
  if (!found.isSocket()) throw new Error('there is no socket but something else')
  const own = process.getuid?.() ?? ROOT
  if (found.uid !== ROOT && found.uid !== own)
    throw new Error(`its socket belongs to user ${found.uid}, and neither to root nor to user ${own}`)
  if ((found.mode & OTHERS_MAY_WRITE) !== 0)
    throw new Error(`its socket is open to every user; take that away with chmod o-w ${path}`)
}

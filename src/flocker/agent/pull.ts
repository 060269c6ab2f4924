/**
 * A dataset comes here. The source is left as it is until the last step, and whatever goes wrong before it leaves the
 * current copy current.
 *
 *     offer      the source says that nobody uses the dataset, and how big it is; here must be room for it
 *     first pass everything is streamed into a stage, which nothing takes for the dataset
 *     hand over  the source sets its copy aside, so that nothing can be started on it, and the control service is told
 *     compare    manifests of both sides; what differs is fetched again, until nothing does
 *     seal       the stage is made durable
 *     promote    one compare-and-swap in the control service makes it the current copy
 *     settle     it is put where containers look for it
 *
 * A pull that was cut short finds its stage again: what has arrived whole is not sent twice.
 */
import { readdir, rm, statfs } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../../model/result.ts'
import { syncFileSystem } from '../durable.ts'
import type { CustodyChange } from '../ledger/custody.ts'
import { reasonOf } from '../reason.ts'
import type { CustodyAnswer, MovePhase } from '../wire/messages.ts'
import type { Hasher } from './hasher.ts'
import { compare, digestOf, isSame } from './manifest.ts'
import type { Peer } from './peer.ts'
import { SILENCE_LIMIT_MS } from './peer-server.ts'
import { unpackTar, unpackTarFrom } from './tar.ts'
import type { AgentTrouble } from './trouble.ts'
import type { VolumeBackend } from './volume-backend.ts'

export interface PullParts {
  readonly node: string
  readonly dataset: string
  /** Generation of the copy that is fetched. */
  readonly generation: number
  readonly source: Peer
  readonly backend: VolumeBackend
  readonly hasher: Hasher
  readonly promote: (change: CustodyChange) => Promise<Result<CustodyAnswer, AgentTrouble>>
  readonly progress: Progress
  readonly signal: AbortSignal
}

export interface Progress {
  phase(phase: MovePhase): void
  total(bytes: number): void
  received(bytes: number): void
  /** The first pass is over, however little of it was counted. */
  arrived(): void
}

/** The frozen source does not change, so the second comparison finds nothing unless a disk or a network lies. */
const COMPARISONS_LIMIT = 4

export interface Pulled {
  readonly copy: string
  readonly digest: string
  readonly entries: number
}

export async function pull(parts: PullParts): Promise<Result<Pulled, AgentTrouble>> {
  const { node, dataset, generation, source, backend, progress } = parts
  const offered = await source.offer(node)
  if (!offered.ok) return offered
  progress.total(offered.value)
  const stage = await backend.stage(dataset)
  if (!stage.ok) return stage
  const directory = stage.value.path

  if ((await readdir(directory)).length === 0) {
    const room = await roomFor(offered.value, directory)
    if (!room.ok) return room
    const arrived = new AbortController()
    keepUp(directory, parts.hasher, arrived.signal).catch(() => undefined)
    const first = await receiveAll(directory, parts).finally(() => arrived.abort())
    if (!first.ok) return first
    progress.arrived()
  }

  const named = await source.handOver(node)
  if (!named.ok) return named
  const copy = named.value
  progress.phase('comparing')
  for (let round = 1; ; round++) {
    const [theirs, mine] = await Promise.all([
      source.manifest(copy),
      parts.hasher.manifest(directory),
      // Most of it reaches the disk while it is compared, and the last sync has little left to do.
      syncFileSystem(directory),
    ])
    if (!theirs.ok) return theirs
    const difference = compare(theirs.value, mine)
    if (isSame(difference)) {
      progress.phase('switching')
      const id = { dataset, generation: generation + 1, copy }
      const sealed = await backend.seal(id)
      if (!sealed.ok) return sealed
      const promoted = await parts.promote({ kind: 'promote', dataset, node, copy })
      if (!promoted.ok) return promoted
      const settled = await backend.settle(id)
      return settled.ok ? ok({ copy, digest: digestOf(mine), entries: mine.size }) : settled
    }
    if (round === COMPARISONS_LIMIT)
      return failed({
        message: `after ${round} passes the copy still differs from the original: ${[...difference.remove, ...difference.fetch].slice(0, 3).join(', ')}`,
      })
    for (const path of difference.remove) await rm(at(directory, path), { recursive: true, force: true })
    const fetched = await receive(await source.frozenStream(copy, difference.fetch), directory, parts)
    if (!fetched.ok) return fetched
  }
}

/** Before a byte is sent. A source with holes may need less, never more. */
async function roomFor(bytes: number, directory: string): Promise<Result<undefined, AgentTrouble>> {
  const { bavail, bsize } = await statfs(directory)
  const free = bavail * bsize
  if (bytes <= free) return ok(undefined)
  return failed({
    message: `there is no room for it on this node: it takes ${bytes} bytes, and ${free} are free`,
    full: true,
  })
}

/**
 * While a copy arrives, what is here of it is hashed. What fails fails again where it matters, in the comparison.
 *
 * It is not written to the disk as well: the unpacking would wait for that more often than is gained.
 */
async function keepUp(directory: string, hasher: Hasher, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await pause(KEEP_UP_MS, undefined, { signal: over })
    await hasher.hashAhead(directory, Date.now())
  }
}

/** From the end of one round to the beginning of the next, in milliseconds: each looks at every file that is here. */
const KEEP_UP_MS = 300

async function receiveAll(directory: string, parts: PullParts): Promise<Result<undefined, AgentTrouble>> {
  const { node, source } = parts
  return source.encrypted
    ? receive(await source.stream(node), directory, parts)
    : receiveDirectly(await source.connection(node), directory, parts)
}

async function receive(
  tar: Result<Readable, AgentTrouble>,
  directory: string,
  { progress, signal }: PullParts,
): Promise<Result<undefined, AgentTrouble>> {
  if (!tar.ok) return tar
  const unpacking = unpackTar(directory)
  tar.value.on('data', (part: Buffer) => progress.received(part.length))
  try {
    await pipeline(tar.value, unpacking.input, { signal })
  } catch (problem) {
    const lost = reasonOf(problem)
    // When tar has given up, the broken pipe is not the reason.
    if ((problem as NodeJS.ErrnoException).code !== 'EPIPE') unpacking.stop()
    const said = await unpacking.ended
    return failed(said.includes(NO_SPACE) ? FULL : { message: `the copy broke off: ${lost}` })
  }
  return judge(await unpacking.ended)
}

async function receiveDirectly(
  connection: Result<Socket, AgentTrouble>,
  directory: string,
  { progress, signal }: PullParts,
): Promise<Result<undefined, AgentTrouble>> {
  if (!connection.ok) return connection
  const unpacking = unpackTarFrom(connection.value, directory)
  let [known, silentMs] = [0, 0]
  let lost: string | undefined
  const giveUp = (reason: string) => {
    lost = reason
    unpacking.stop()
  }
  const looking = setInterval(async () => {
    const bytes = await unpacking.bytes()
    silentMs = bytes > known ? 0 : silentMs + LOOK_MS
    if (bytes > known) progress.received(bytes - known)
    known = Math.max(known, bytes)
    if (silentMs > SILENCE_LIMIT_MS) giveUp(`nothing has come for ${SILENCE_LIMIT_MS / 1000} s`)
  }, LOOK_MS)
  const aborted = () => giveUp('it is not wanted any more')
  signal.addEventListener('abort', aborted, { once: true })
  if (signal.aborted) aborted()
  const said = await unpacking.ended
  clearInterval(looking)
  signal.removeEventListener('abort', aborted)
  return lost === undefined ? judge(said) : failed({ message: `the copy broke off: ${lost}` })
}

/** How often it is looked how far a copy has come, in milliseconds. */
const LOOK_MS = 500

function judge(said: string): Result<undefined, AgentTrouble> {
  if (said === '') return ok(undefined)
  return failed(said.includes(NO_SPACE) ? FULL : { message: `tar could not unpack the copy: ${said}` })
}

/** As the C library says it. */
const NO_SPACE = 'No space left on device'

const FULL: AgentTrouble = { message: 'the disk of this node is full, so the copy broke off', full: true }

function at(directory: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(path, 'latin1')])
}

/** Many clients at once, and what is left of them when they are gone. */
import {
  ENGINE_KINDS,
  type Engine,
  importBusybox,
  providePackages,
  startEngine,
} from '../../support/engine/index.ts'
import { tell } from '../../support/engine/progress.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { filesAtRest } from '../../support/raw/at-rest.ts'
import { type Box, mustAsk, request, runBox } from '../../support/raw/box.ts'
import { startCrowd } from '../../support/raw/crowd.ts'
import type { Door } from '../../support/raw/door.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { connectionsTo, openFiles, residentBytes, settled } from '../../support/raw/proc.ts'
import { LISTENERS, type Ways, waysTo } from '../../support/raw/ways.ts'

jest.setTimeout(120_000)

/** A second or two is what users are promised; a busy machine may take longer, and nothing here goes away by itself later. */
const GONE_LIMIT_MS = 20_000

const CLIENTS = 40
const END_OF_HEAD = '\r\n\r\n'
const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp']

interface Stream {
  readonly what: string
  readonly request: string
  readonly ends?: true
  /** What each client has received once it is in the middle of its stream. */
  readonly marks: readonly string[]
}

// Engines of their own: connections are counted at the engine, and those of other tests would count as well.
describe.each(ENGINE_KINDS)('many clients of the %s engine', (kind) => {
  let engine: Engine
  let powerstrip: Powerstrip
  let ways: Ways
  let quiet: Box

  beforeAll(async () => {
    await providePackages(['iproute2'])
    engine = await startEngine({ kind })
    await importBusybox(engine)
    powerstrip = await startPowerstrip({ upstream: engine.host })
    ways = waysTo(engine.socket, powerstrip)
    quiet = await runBox(engine, ['cat'], { fields: { OpenStdin: true } })
  })

  afterAll(async () => {
    await powerstrip?.stop()
    await engine?.dispose()
  })

  /** What is open at powerstrip, and between it and the engine. */
  const open = () => ({ files: openFiles(powerstrip.pid), engine: connectionsTo(engine.socket) })
  const inside = (most: ReturnType<typeof open>) => (seen: ReturnType<typeof open>) =>
    seen.files <= most.files && seen.engine <= most.engine

  const isSame = (one: ReturnType<typeof open>, other: ReturnType<typeof open>) =>
    one.files === other.files && one.engine === other.engine

  const attach = (streams: string) =>
    request('POST', `/containers/${quiet.id}/attach?stream=1&${streams}`, undefined, UPGRADE)

  function streams(): Stream[] {
    return [
      { what: 'events', request: request('GET', '/events'), marks: [END_OF_HEAD] },
      {
        what: 'followed logs',
        request: request('GET', `/containers/${quiet.id}/logs?follow=1&stdout=1`),
        marks: [END_OF_HEAD],
      },
      // The engine has nothing to say before it has the whole context.
      {
        what: 'a build upload',
        request: `${request('POST', '/build?q=1', undefined, ['Content-Type: application/x-tar', 'Transfer-Encoding: chunked'])}200\r\n${'\0'.repeat(0x200)}\r\n`,
        marks: [],
      },
      { what: 'attach with input', request: attach('stdin=1&stdout=1&stderr=1'), marks: [END_OF_HEAD] },
      { what: 'attach to output', request: attach('stdout=1'), marks: [END_OF_HEAD] },
      {
        what: 'attach to output, input ended',
        request: attach('stdout=1'),
        ends: true,
        marks: [END_OF_HEAD],
      },
    ]
  }

  test.each(LISTENERS)('F07 nothing is left of 240 clients killed in mid-stream (%s)', async (listener) => {
    const before = { files: await filesAtRest(powerstrip), engine: 0 }
    for (const { what, marks, ...sent } of streams()) {
      await using crowd = await startCrowd({ door: ways[listener], count: CLIENTS, marks, ...sent })
      if (marks.length > 0) await crowd.marked()
      const there = { files: before.files + 2 * CLIENTS, engine: before.engine + CLIENTS }
      const during = await settled(open, (seen) => isSame(seen, there), GONE_LIMIT_MS)
      expect({ what, ...during }).toEqual({ what, ...there })

      await crowd.kill()
      const since = Date.now()
      const after = await settled(open, inside(before), GONE_LIMIT_MS)
      tell(
        `${kind}: ${CLIENTS} killed clients of ${what} (${listener}) left nothing after ${Date.now() - since} ms`,
      )
      expect({ what, ...after }).toEqual({ what, ...before })
    }
  })

  test('F07 1,000 streams side by side all hear of the same event', async () => {
    const before = { files: await filesAtRest(powerstrip), engine: 0 }
    const count = 1000
    const restingBytes = residentBytes(powerstrip.pid)
    const filters = encodeURIComponent(JSON.stringify({ container: [quiet.id], event: ['rename'] }))
    await using crowd = await startCrowd({
      door: ways.unix,
      count,
      request: request('GET', `/events?filters=${filters}`),
      marks: [END_OF_HEAD, '}\n'],
    })
    await crowd.marked()
    const streamBytes = (residentBytes(powerstrip.pid) - restingBytes) / count
    tell(`${kind}: ${count} idle event streams take ${(streamBytes / 1024).toFixed(1)} KiB of memory each`)
    expect(streamBytes).toBeLessThan(256 * 1024)

    await mustAsk(engine, 'POST', `/containers/${quiet.id}/rename?name=${quiet.name}-renamed`)
    await crowd.marked()
    await crowd.kill()
    expect(await settled(open, inside(before), GONE_LIMIT_MS)).toEqual(before)
  })

  test('as many clients may connect at the same moment as at the engine', async () => {
    await filesAtRest(powerstrip)
    const direct = await connectedWhileStopped(engine.pid, ways.direct)
    expect(await connectedWhileStopped(powerstrip.pid, ways.unix)).toBe(direct)
  })
})

/** How many of 1,000 clients get a connection to a process that accepts none of them yet. */
async function connectedWhileStopped(pid: number, door: Door): Promise<number> {
  process.kill(pid, 'SIGSTOP')
  try {
    const tries = await Promise.allSettled(Array.from({ length: 1000 }, () => RawPeer.connect(door)))
    const peers = tries.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
    for (const peer of peers) peer.destroy()
    return peers.length
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

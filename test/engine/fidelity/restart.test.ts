/** Engines that go away and come back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { page } from '../../support/admin.ts'
import { docker, ENGINE_KINDS, type Engine, importBusybox, startEngine } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { filesAtRest } from '../../support/raw/at-rest.ts'
import { createExec, request, runBox, signalled } from '../../support/raw/box.ts'
import type { Door } from '../../support/raw/door.ts'
import { exchange, RawPeer } from '../../support/raw/peer.ts'
import { openFiles, settled } from '../../support/raw/proc.ts'
import { undated } from '../../support/raw/varying.ts'
import { LISTENERS, sameEveryWay, type Ways, waysTo } from '../../support/raw/ways.ts'
import type { Behaviour } from '../../support/two/adapter.ts'
import { setTwo } from '../../support/two/stage.ts'

jest.setTimeout(120_000)

const PING = request('GET', '/_ping')
const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp']
const GONE_LIMIT_MS = 20_000

// Engines of their own, to be killed.
describe.each(ENGINE_KINDS)('the %s engine', (kind) => {
  let engine: Engine
  let powerstrip: Powerstrip
  let ways: Ways
  let admin: string

  beforeAll(async () => {
    engine = await startEngine({ kind })
    await importBusybox(engine)
    admin = join(mkdtempSync(join(tmpdir(), 'admin-')), 'admin.sock')
    const config = { version: 2, adapters: {}, endpoints: {}, admin: { unix: admin } }
    powerstrip = await startPowerstrip({ upstream: engine.host, config: JSON.stringify(config) })
    ways = waysTo(engine.socket, powerstrip)
  })

  afterAll(async () => {
    await powerstrip?.stop()
    await engine?.dispose()
    rmSync(dirname(admin), { recursive: true, force: true })
  })

  test('F09 F38 F43 is killed in mid-stream: streams are cut off, hooks undone, powerstrip says 502, and serves again', async () => {
    const idleFiles = await filesAtRest(powerstrip)
    // An engine that starts again stops what it finds running first, and gives it the time it was promised.
    const box = await runBox(engine, ['cat'], { fields: { OpenStdin: true, StopSignal: 'SIGKILL' } })
    const streams: Record<string, () => Promise<string>> = {
      events: async () => request('GET', '/events'),
      'followed logs': async () => request('GET', `/containers/${box.id}/logs?follow=1&stdout=1`),
      wait: async () => request('POST', `/containers/${box.id}/wait`),
      attach: async () =>
        request('POST', `/containers/${box.id}/attach?stream=1&stdin=1&stdout=1`, undefined, UPGRADE),
      exec: async () =>
        request(
          'POST',
          `/exec/${await createExec(engine, box, ['cat'], { AttachStdin: true })}/start`,
          {},
          UPGRADE,
        ),
    }
    const open: Array<{ what: string; way: keyof Ways; head: string; told: string; peer: RawPeer }> = []
    /** An engine tells each client of an event in its own time: killed too early, it has told some of them less. */
    const allHear = async (action: string) => {
      for (const stream of open.filter(({ what }) => what === 'events'))
        stream.told += String(await stream.peer.until(`"Action":"${action}`))
    }
    for (const [what, ask] of Object.entries(streams))
      for (const way of ['direct', ...LISTENERS] as const) {
        const peer = await RawPeer.connect(ways[way])
        peer.write(await ask())
        open.push({ what, way, peer, told: '', head: undated(await peer.head()) })
        // These two are events that come after the head, and might be told of behind the next one, or before it.
        if (what === 'attach') await allHear('attach')
        if (what === 'exec') await allHear('exec_start')
      }
    const kept = await Promise.all(LISTENERS.map((listener) => keptConnection(ways[listener])))
    await using hooked = await stopThrough(engine)
    await allHear('kill')

    await engine.kill()
    await hooked.expectUndone()

    const ends: Record<string, unknown[]> = {}
    for (const { what, way, head, told, peer } of open) {
      const { bytes, ending } = await peer.rest()
      const end = { what, head, bytes: told + bytes.toString('latin1'), ending }
      expect(end.bytes).not.toMatch(/0\r\n\r\n$/)
      ends[way] = [...(ends[way] ?? []), end]
    }
    expect({ unix: ends.unix, tcp: ends.tcp }).toEqual({ unix: ends.direct, tcp: ends.direct })
    // Kept connections close with the engine's, as they would directly.
    for (const peer of kept) expect((await peer.rest()).bytes).toHaveLength(0)

    // Meanwhile.
    for (const listener of LISTENERS) {
      const answer = await exchange(ways[listener], PING)
      expect(answer.status).toBe(502)
      expect(JSON.parse(answer.body.toString())).toEqual({
        message: expect.stringMatching(/^the Docker Engine at unix:.+ cannot be reached .+ is it running\?$/),
      })
      const cli = await docker(powerstrip[listener], ['ps'])
      expect(cli).toMatchObject({ exitCode: 1, stdout: '' })
      expect(cli.stderr).toContain('cannot be reached')
    }
    for (const { peer } of open) peer.destroy()
    expect(
      await settled(
        () => openFiles(powerstrip.pid),
        (files) => files <= idleFiles,
        GONE_LIMIT_MS,
      ),
    ).toBe(idleFiles)

    await engine.start()
    const version = await sameEveryWay(ways, async (door) => {
      const answer = await exchange(door, request('GET', '/version'))
      return undated(answer.head) + answer.body.toString()
    })
    expect(version).toContain(`"Version":"${engine.version}"`)
    // It is the process from before.
    expect(powerstrip.log.filter((line) => line.msg === 'listening')).toHaveLength(2)
  })

  test('F43 stops while a connection is kept: the connection is closed, and a retry is served', async () => {
    const kept = await Promise.all(LISTENERS.map((listener) => keptConnection(ways[listener])))
    await engine.kill('SIGTERM')
    for (const peer of kept) expect(await peer.rest()).toEqual({ bytes: Buffer.alloc(0), ending: 'fin' })
    const away = await page(admin, '/readyz')
    expect(away.status).toBe(503)
    expect(JSON.parse(away.text).notReady).toEqual([expect.stringMatching(/^engine: connect /)])

    await engine.start()
    expect((await page(admin, '/readyz')).status).toBe(200)
    for (const listener of LISTENERS) {
      await using retry = await keptConnection(ways[listener])
      expect(retry.ending).toBeUndefined()
    }
  })
})

/**
 * A request that the engine takes long over, behind four hooks that have reserved something for it. The container passes over the
 * signal, so stopping it takes the time that is given to it; an engine that starts again gives it a second.
 */
async function stopThrough(engine: Engine): Promise<AsyncDisposable & { expectUndone(): Promise<void> }> {
  const box = await runBox(engine, ['sleep', '600'], { fields: { StopTimeout: 1 } })
  const reserving: Behaviour = ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined)
  const places = ['a', 'b', 'c', 'd']
  const scene = await setTwo({
    adapters: Object.fromEntries(places.map((name) => [name, reserving])),
    endpoints: { ContainerStop: { pre: places, post: places } },
    engine: { kind: 'unix', path: engine.socket },
  })
  const client = await scene.connect()
  client.write(request('POST', `/containers/${box.id}/stop?t=300`))
  await signalled(engine, box)
  return {
    async expectUndone() {
      expect((await client.answer('POST')).status).toBe(502)
      // Each once, the latest first, and before the client heard of it; no post-hook saw an answer.
      const after = scene.timeline.slice(places.length)
      expect(after.map(({ adapter, type }) => [adapter, type])).toEqual(
        places.toReversed().map((name) => [name, 'unwind-hook']),
      )
      for (const { message } of after)
        expect(message.Cause).toMatchObject({ Phase: 'engine', Upstream: 'unknown' })
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await scene[Symbol.asyncDispose]()
    },
  }
}

/** A connection that has been answered and waits for its next request. */
async function keptConnection(door: Door): Promise<RawPeer> {
  const peer = await RawPeer.connect(door)
  peer.write(PING)
  expect((await peer.answer()).status).toBe(200)
  return peer
}

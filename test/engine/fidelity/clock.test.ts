/** Streams that are idle for hours, on a clock that runs fast. */
import { describeEachEngine } from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { type Box, mustAsk, request, runBox } from '../../support/raw/box.ts'
import type { Door } from '../../support/raw/door.ts'
import { fastClock } from '../../support/raw/fast-clock.ts'
import { fieldsOf } from '../../support/raw/message.ts'
import { exchange, RawPeer } from '../../support/raw/peer.ts'
import { LISTENERS, waysTo } from '../../support/raw/ways.ts'

// Its waits have limits of their own.
jest.setTimeout(240_000)

const MINUTE_MS = 60_000
const PING = request('GET', '/_ping')

describeEachEngine('idle streams', (engine) => {
  test('F06 no stream ends for being idle, neither 11 minutes nor 130', async () => {
    await using clock = await fastClock()
    await using powerstrip = await startPowerstrip({ upstream: engine().host, env: clock.env })
    await using box = await runBox(engine(), ['cat'], { fields: { OpenStdin: true, StopSignal: 'SIGKILL' } })
    const ways = waysTo(engine().socket, powerstrip)
    const idle = await Promise.all(LISTENERS.map((listener) => openStreams(ways[listener], box)))
    const startedAt = await clockOf(ways.unix)

    // An hour in three seconds. A limit of powerstrip's own, ten seconds for a head, shows that its timers follow.
    await clock.run(1200)
    await until(ways.unix, startedAt + 11 * MINUTE_MS)
    await using slow = await RawPeer.connect(ways.unix)
    slow.write('GET /_ping HTTP/1.1\r\nHost:')
    expect((await slow.answer()).status).toBe(408)

    await mustAsk(engine(), 'POST', `/containers/${box.id}/rename?name=${box.name}-eleven`)
    for (const { events } of idle) expect(String(await events.until('}\n'))).toContain(`${box.name}-eleven`)

    await until(ways.unix, (await clockOf(ways.unix)) + 130 * MINUTE_MS)
    // At its usual speed again, for the limits that guard what comes now.
    await clock.run(1, 12)
    await until(ways.unix, startedAt + 12 * 60 * MINUTE_MS)

    await mustAsk(engine(), 'POST', `/containers/${box.id}/rename?name=${box.name}-later`)
    for (const { events, logs, attach, kept, silent } of idle) {
      expect(String(await events.until('}\n'))).toContain(`${box.name}-later`)
      attach.write('typed\n')
      await attach.until('typed\n')
      await logs.until('typed\n')
      for (const peer of [kept, silent]) {
        peer.write(PING)
        expect((await peer.answer()).status).toBe(200)
      }
    }
    await mustAsk(engine(), 'POST', `/containers/${box.id}/kill`)
    for (const { wait } of idle) expect(String(await wait.until('}\n'))).toContain('"StatusCode":137')
    for (const peers of idle) for (const peer of Object.values(peers)) peer.destroy()
  })
})

/** One of each kind, in the state in which it may stay for ever. */
async function openStreams(door: Door, box: Box) {
  const streams = {
    events: await RawPeer.connect(door),
    logs: await RawPeer.connect(door),
    attach: await RawPeer.connect(door),
    wait: await RawPeer.connect(door),
    kept: await RawPeer.connect(door),
    silent: await RawPeer.connect(door),
  }
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id], event: ['rename'] }))
  streams.events.write(request('GET', `/events?filters=${filters}`))
  streams.logs.write(request('GET', `/containers/${box.id}/logs?follow=1&stdout=1`))
  streams.attach.write(
    request('POST', `/containers/${box.id}/attach?stream=1&stdin=1&stdout=1`, undefined, [
      'Connection: Upgrade',
      'Upgrade: tcp',
    ]),
  )
  streams.wait.write(request('POST', `/containers/${box.id}/wait`))
  for (const peer of [streams.events, streams.logs, streams.attach, streams.wait]) await peer.head()
  streams.kept.write(PING)
  await streams.kept.answer()
  return streams
}

/** What time it is for powerstrip: the date of a refusal, which is an answer of its own. */
async function clockOf(door: Door): Promise<number> {
  const refusal = await exchange(door, request('GET', '/containers/../info'))
  return Date.parse(fieldsOf(refusal.head, 'date')[0]!)
}

async function until(door: Door, time: number): Promise<void> {
  const late = Date.now() + 60_000
  while ((await clockOf(door)) < time)
    if (Date.now() > late) throw new Error("powerstrip's clock does not run ahead")
}

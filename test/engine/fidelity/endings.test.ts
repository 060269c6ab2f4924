/** Answers that go on, and how they end. */
import { filesAtRest } from '../../support/raw/at-rest.ts'
import { createBox, mustAsk, request, runBox } from '../../support/raw/box.ts'
import { startCrowd } from '../../support/raw/crowd.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { openFiles, settled, still } from '../../support/raw/proc.ts'
import { undated } from '../../support/raw/varying.ts'
import { describeEveryWay, LISTENERS, sameEveryWay } from '../../support/raw/ways.ts'

/** One second is what users are promised; a busy machine may take longer, and nothing here goes away by itself later. */
const GONE_LIMIT_MS = 20_000

describeEveryWay('long answers', (at) => {
  test('F05 the head of wait arrives while the container runs, its body at the exit', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await runBox(at().engine, ['sleep', '1000000'])
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/containers/${box.id}/wait?condition=next-exit`))
      // The container ends only after this, so a head that waits for the body never arrives.
      const head = await peer.head()
      await mustAsk(at().engine, 'POST', `/containers/${box.id}/kill`)
      return [undated(head), String(await peer.until('0\r\n\r\n'))]
    })
    expect(seen[0]).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(seen[1]).toContain('"StatusCode":137')
  })

  test('F05 wait, then start: as `docker run` does it', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await createBox(at().engine, ['sh', '-c', 'exit 7'])
      await using waiter = await RawPeer.connect(door)
      waiter.write(request('POST', `/containers/${box.id}/wait?condition=next-exit`))
      const head = await waiter.head()
      await using starter = await RawPeer.connect(door)
      starter.write(request('POST', `/containers/${box.id}/start`))
      const started = await starter.answer()
      return [undated(head), undated(started.head), String(await waiter.until('0\r\n\r\n'))]
    })
    expect(seen[1]).toContain('204 No Content')
    expect(seen[2]).toContain('"StatusCode":7')
  })

  test.each(LISTENERS)('F07 nothing is left of 5 killed clients of events (%s)', async (listener) => {
    const { powerstrip, ways } = at()
    const before = await filesAtRest(powerstrip)
    await using crowd = await startCrowd({
      door: ways[listener],
      count: 5,
      request: request('GET', '/events'),
      marks: ['\r\n\r\n'],
    })
    await crowd.marked()
    expect(await still(() => openFiles(powerstrip.pid))).toBe(before + 10)
    await crowd.kill()
    expect(
      await settled(
        () => openFiles(powerstrip.pid),
        (files) => files <= before,
        GONE_LIMIT_MS,
      ),
    ).toBe(before)
  })

  test('F08 the end of the client’s bytes ends followed logs with the last chunk', async () => {
    await using box = await runBox(at().engine, ['sh', '-c', 'echo out; sleep 1000000'])
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write(request('GET', `/containers/${box.id}/logs?follow=1&stdout=1`))
      const head = await peer.head()
      const output = String(await peer.until('out\n'))
      peer.end()
      const { bytes, ending } = await peer.rest()
      return { head: undated(head), output, last: bytes.toString('latin1'), ending }
    })
    expect(seen).toMatchObject({ last: '\r\n0\r\n\r\n', ending: 'fin' })
  })

  test('F08 the end of the client’s bytes ends events', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write(request('GET', '/events?filters={"container":["none-such"]}'))
      const head = await peer.head()
      peer.end()
      const { bytes, ending } = await peer.rest()
      return { head: undated(head), last: bytes.toString('latin1'), ending }
    })
    expect(seen).toMatchObject({ last: '0\r\n\r\n', ending: 'fin' })
  })

  test('F08 the end of the client’s bytes cancels wait', async () => {
    await using box = await runBox(at().engine, ['sleep', '1000000'])
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write(request('POST', `/containers/${box.id}/wait`))
      const head = await peer.head()
      peer.end()
      const { bytes, ending } = await peer.rest()
      return { head: undated(head), last: bytes.toString('latin1'), ending }
    })
    expect(seen.last).toContain('"StatusCode":-1')
    expect(seen.last).toMatch(/\r\n0\r\n\r\n$/)
  })

  test('F26 an upload of 50 MB that is refused half-way: the client reads why', async () => {
    const size = 50 * 1024 * 1024
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write(
        `PUT /containers/none-such/archive?path=/ HTTP/1.1\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: ${size}\r\n\r\n`,
      )
      const piece = Buffer.alloc(256 * 1024)
      for (let sent = 0; sent < size && peer.ending === undefined; sent += piece.length)
        await peer.writeAll(piece)
      const answer = await peer.answer()
      return { head: undated(answer.head), body: answer.body.toString() }
    })
    expect(seen.head).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
    expect(seen.head).toContain('\r\nConnection: close\r\n')
    expect(JSON.parse(seen.body)).toEqual({ message: expect.stringMatching(/no such container/i) })
  })
})

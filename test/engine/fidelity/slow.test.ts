/** Readers that are slower than the engine: memory must not pay for them. */
import { createConnection, type Socket } from 'node:net'
import { docker } from '../../support/engine/index.ts'
import { tell } from '../../support/engine/progress.ts'
import { type Box, request, runBox } from '../../support/raw/box.ts'
import type { Door } from '../../support/raw/door.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { bytesRead, forgetPeak, peakResidentBytes, still } from '../../support/raw/proc.ts'
import { startScriptedEngine } from '../../support/raw/scripted-engine.ts'
import { describeEveryWay, LISTENERS } from '../../support/raw/ways.ts'

// Gigabytes, on machines that may be doing other things.
jest.setTimeout(240_000)

const MIB = 1024 * 1024

/** Far below what is moved; above what a process that was idle takes to move anything, garbage included. */
const MEMORY_LIMIT_BYTES = 96 * MIB

/** What may be on its way when a reader stops: buffers of the kernel on both sides, and what powerstrip has in hand. */
const IN_FLIGHT_LIMIT_BYTES = 16 * MIB

const LOG_BYTES = 64 * MIB

describeEveryWay('slow readers', (at) => {
  /** Has printed a long log, and left a file of 1 GiB that takes no room. */
  let box: Box

  beforeAll(async () => {
    box = await runBox(at().engine, ['sh', '-c', MUCH])
    expect(await docker(at().engine.host, ['wait', box.id])).toMatchObject({ exitCode: 0 })
  })

  afterAll(async () => {
    await box[Symbol.asyncDispose]()
  })

  test.each(LISTENERS)(
    'F42 a slow reader of logs and of 1 GiB of a file costs no memory (%s)',
    async (listener) => {
      const { engine, powerstrip, ways } = at()
      for (const [target, atLeast] of [
        [`/containers/${box.id}/logs?stdout=1`, LOG_BYTES],
        [`/containers/${box.id}/archive?path=/big`, 1024 * MIB],
      ] as const) {
        forgetPeak(powerstrip.pid)
        const before = { peak: peakResidentBytes(powerstrip.pid), read: bytesRead(powerstrip.pid) }
        const reader = await SlowReader.connect(ways[listener])
        reader.socket.write(request('GET', target, undefined, ['Connection: close']))
        await reader.readAndStop(MIB)

        // Powerstrip stops reading as well: what it does not read, the engine does not write.
        const read = await still(() => bytesRead(powerstrip.pid))
        expect(read - before.read - reader.received).toBeLessThan(IN_FLIGHT_LIMIT_BYTES)

        await reader.readToEnd()
        expect(reader.received).toBeGreaterThan(atLeast)
        const grown = peakResidentBytes(powerstrip.pid) - before.peak
        tell(
          `${engine.kind}: ${Math.round(reader.received / MIB)} MiB to a slow reader (${listener}): ${Math.round(grown / MIB)} MiB of memory`,
        )
        expect(grown).toBeLessThan(MEMORY_LIMIT_BYTES)
      }
    },
  )
})

test.each(LISTENERS)('F42 an engine slower than an upload costs no memory (%s)', async (listener) => {
  await using engine = await startScriptedEngine()
  const { powerstrip } = engine
  const size = 512 * MIB
  await using client = await RawPeer.connect(engine.ways[listener])
  client.write(`PUT /containers/box/archive?path=/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`)
  const far = await engine.accept()
  await far.head()
  far.socket.pause()
  forgetPeak(powerstrip.pid)
  const before = { peak: peakResidentBytes(powerstrip.pid), read: bytesRead(powerstrip.pid) }
  const piece = Buffer.alloc(MIB)
  const written = upload(client, piece, size / MIB)
  const read = await still(() => bytesRead(powerstrip.pid))
  expect(read - before.read).toBeLessThan(IN_FLIGHT_LIMIT_BYTES)

  let received = far.unread.length
  far.socket.removeAllListeners('data')
  far.socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received === size) far.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  })
  far.socket.resume()
  await written
  expect((await client.answer()).status).toBe(200)
  expect(received).toBe(size)
  expect(peakResidentBytes(powerstrip.pid) - before.peak).toBeLessThan(MEMORY_LIMIT_BYTES)
})

const MUCH = `dd if=/dev/zero of=/big bs=1M count=0 seek=1024; yes $(yes x | head -c 4000 | tr -d '\\n') | head -c ${LOG_BYTES}`

async function upload(client: RawPeer, piece: Buffer, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent++) await client.writeAll(piece)
}

/** Counts what it reads and keeps none of it. */
class SlowReader {
  readonly socket: Socket
  received = 0
  #stopAt = Number.POSITIVE_INFINITY
  #stopped: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length
      if (this.received < this.#stopAt) return
      socket.pause()
      this.#stopped()
    })
  }

  static connect(door: Door): Promise<SlowReader> {
    const socket =
      door.kind === 'unix'
        ? createConnection({ path: door.path, allowHalfOpen: true })
        : createConnection({ host: '127.0.0.1', port: door.port, allowHalfOpen: true })
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', () => resolve(new SlowReader(socket)))
    })
  }

  readAndStop(bytes: number): Promise<void> {
    this.#stopAt = bytes
    return new Promise((resolve) => {
      this.#stopped = resolve
    })
  }

  readToEnd(): Promise<void> {
    this.#stopAt = Number.POSITIVE_INFINITY
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject)
      this.socket.once('end', () => {
        this.socket.destroy()
        resolve()
      })
      this.socket.resume()
    })
  }
}

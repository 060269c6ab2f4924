import { dockerPy, everyWay, fingerprint } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

describeEachEngine('docker-py', (engine) => {
  const ways = everyWay(engine)

  test('runs a container, and says how one failed', async () => {
    expect(await ways.same((way) => dockerPy(way, 'run'))).toEqual({
      output: 'hi\n',
      failed: { exit: 3, stderr: 'badly\n' },
      missing: { status: 404, why: expect.stringMatching(/no such container/i) },
    })
  })

  test('exec_run gives output and exit code, apart or as a stream', async () => {
    const counted = Array.from({ length: 50_000 }, (_, at) => `${at + 1}\n`).join('')
    expect(await ways.same((way) => dockerPy(way, 'exec_run'))).toEqual({
      exit: 4,
      output: 'out\n',
      apart: ['out\n', 'err\n'],
      streamed: fingerprint(counted),
      missing: { status: 404, why: expect.stringMatching(/no such exec instance/i) },
    })
  })

  test('F11 exec over a raw socket takes stdin, its end, and what comes after it', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'exec_socket'))
    expect(seen).toEqual({ stdout: 'a\nb\n', stderr: 'over\n', exit: 8 })
  })

  test('F19 exec in the background leaves the connection to other requests', async () => {
    expect(await ways.same((way) => dockerPy(way, 'exec_detached'))).toBe('on my own\n')
  })

  test('attach_socket takes stdin, its end, and what comes after it', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'attach_socket'))
    expect(seen).toEqual({ stdout: 'hello\n', stderr: 'over\n', exit: 7 })
  })

  test('F23 attach_socket over a WebSocket takes stdin and gives output', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'attach_websocket'))
    expect(seen).toEqual({ heard: 'you said hello\n', exit: 0 })
  })

  test('follows logs until the container ends', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'logs'))
    expect(seen).toEqual({ lines: 'one\ntwo\n', all: 'one\ntwo\n', tail: 'two\n' })
  })

  test('hears events when they happen', async () => {
    expect(await ways.same((way) => dockerPy(way, 'events'))).toEqual(['create', 'destroy'])
  })

  test('F27 puts an archive of 10 MB and gets it back', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'archives'))
    expect(seen).toEqual({ same: true, name: 'blob', size: 10_000_000, missing: 404 })
  })

  test('F39 builds from an archive, and finds the error in the progress', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'build'))
    expect(seen).toEqual({
      tags: ['(way)-py-built:latest'],
      counted: true,
      failed: "The command '/bin/sh -c exit 23' returned a non-zero code: 23",
    })
  })

  test('says why an image cannot be pulled', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'pull'))
    expect(seen).toEqual({ status: 500, why: expect.stringContaining('127.0.0.1:9') })
  })

  test('reads stats, one frame or one after the other', async () => {
    const seen = await ways.same((way) => dockerPy(way, 'stats'))
    expect(seen).toEqual({ frames: ['/(way)-py-stats', '/(way)-py-stats'], one: 1 })
  })

  test('waits for the end of a container', async () => {
    expect(await ways.same((way) => dockerPy(way, 'wait'))).toBe(42)
  })
})

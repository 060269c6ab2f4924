import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { runCommand } from '../../../src/cli/program.ts'

/** Any free port. */
const LISTEN = ['--listen', 'http://127.0.0.1:0']

function command(args: readonly string[]) {
  const stop = new AbortController()
  const written = { out: '', err: '' }
  let listening = () => {}
  const ready = new Promise<void>((resolve) => {
    listening = resolve
  })
  const ended = runCommand(['adapter', ...args], {
    env: {},
    out: (text) => {
      written.out += text
      if (text.includes('listening')) listening()
    },
    err: (text) => {
      written.err += text
    },
    stop: stop.signal,
  })
  return { ended, ready, written, stop: () => stop.abort() }
}

describe('powerstrip adapter', () => {
  test('serves a built-in adapter, says what to paste, and ends well when asked to', async () => {
    const run = command(['restrict-image', '--listen', 'http://127.0.0.1:0', '--with', '{"allow":["acme"]}'])
    await run.ready
    const [, url] = /listening on (http:\/\/127\.0\.0\.1:[0-9]+)\n/.exec(run.written.out) ?? []
    expect(run.written.out).toContain(
      `  adapters:\n    restrict-image: { url: "${url}" }   # with "version: 2"\n`,
    )
    expect(run.written.out).toContain(`\n    restrict-image: ${url}   # with "version: 1"\n`)
    const reply = await fetch(url!, {
      method: 'POST',
      body: JSON.stringify({
        Type: 'pre-hook',
        ClientRequest: { Method: 'POST', Request: '/containers/create', Body: '{"Image":"evil/x"}' },
      }),
    })
    expect(reply.status).toBe(403)
    run.stop()
    expect(await run.ended).toBe(0)
  })

  test.each([
    ['an unknown name', ['debgu', ...LISTEN], 'there is no adapter "debgu"; did you mean "debug"?'],
    [
      'a name like no other',
      ['zzzzzzzzz', ...LISTEN],
      'built-in adapters: "debug", "flocker", "logfiles", "record", "restrict-image", "sandbox", "slowreq", "weave"',
    ],
    ['a file that is not there', ['./none.js', ...LISTEN], 'there is no file "./none.js"'],
    ['options that are no JSON', ['slowreq', '--with', '{', ...LISTEN], '--with is not JSON'],
    [
      'an option that is not known',
      ['slowreq', '--with', '{"dely":"1s"}', ...LISTEN],
      'there is no option "dely"',
    ],
    ['an option that is missing', ['restrict-image', ...LISTEN], '"allow": is missing'],
    ['no address', ['slowreq'], 'where is it to listen?'],
    ['two addresses', ['slowreq', '--unix', 'a.sock', '--listen', 'http://127.0.0.1:0'], 'give one of them'],
    ['two secrets', ['slowreq', '--bearer', 'a', '--hmac', 'b', '--unix', 'a.sock'], 'give one of them'],
    ['a secret that is not there', ['slowreq', '--bearer', './none', '--unix', 'a.sock'], 'no such file'],
    ['an address that is none', ['slowreq', '--listen', 'tcp://x'], 'write http://127.0.0.1:4000'],
  ])('%s is told and exits with 2', async (_what, args, message) => {
    const run = command(args)
    expect(await run.ended).toBe(2)
    expect(run.written.err).toContain(message)
  })

  test('listens on a unix socket, for whoever shows the token of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'command-'))
    await writeFile(join(folder, 'token'), 's3cret')
    const socketPath = join(folder, 'a.sock')
    const run = command([
      'slowreq',
      '--unix',
      socketPath,
      '--bearer',
      join(folder, 'token'),
      '--with',
      '{"delay":"0ms"}',
    ])
    await run.ready
    expect(run.written.out).toContain(`    slowreq: { unix: ${socketPath} }   # with "version: 2"\n`)
    const asked = async (authorization: string) => {
      const call = request({
        socketPath,
        method: 'OPTIONS',
        path: '/',
        headers: { authorization },
        agent: false,
      }).end()
      const [reply] = (await once(call, 'response')) as [IncomingMessage]
      await text(reply)
      return reply.statusCode
    }
    expect([await asked('Bearer s3cret'), await asked('Bearer other')]).toEqual([200, 401])
    run.stop()
    expect(await run.ended).toBe(0)
    await rm(folder, { recursive: true })
  })

  test('an address that is taken exits with 1', async () => {
    const first = command(['slowreq', '--listen', 'http://127.0.0.1:0'])
    await first.ready
    const [, url] = /listening on (.*)\n/.exec(first.written.out) ?? []
    const second = command(['slowreq', '--listen', url!])
    expect(await second.ended).toBe(1)
    expect(second.written.err).toContain(`cannot listen on ${url}`)
    first.stop()
    expect(await first.ended).toBe(0)
  })
})

import { runCommand } from '../../../src/cli/program.ts'

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
    expect(run.written.out).toContain(`  adapters:\n    restrict-image: ${url}\n`)
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
    ['an unknown name', ['debgu'], 'there is no adapter "debgu"; did you mean "debug"?'],
    [
      'a name like no other',
      ['zzzzzzzzz'],
      'built-in adapters: "debug", "flocker", "logfiles", "record", "restrict-image", "sandbox", "slowreq", "weave"',
    ],
    ['a file that is not there', ['./none.js'], 'there is no file "./none.js"'],
    ['options that are no JSON', ['slowreq', '--with', '{'], '--with is not JSON'],
    ['an option that is not known', ['slowreq', '--with', '{"dely":"1s"}'], 'there is no option "dely"'],
    ['an option that is missing', ['restrict-image'], '"allow": is missing'],
    ['an address that is none', ['slowreq', '--listen', 'tcp://x'], 'write http://127.0.0.1:4000'],
  ])('%s is told and exits with 2', async (_what, args, message) => {
    const run = command(['--listen', 'http://127.0.0.1:0', ...args])
    expect(await run.ended).toBe(2)
    expect(run.written.err).toContain(message)
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

import { randomBytes } from 'node:crypto'
import { everyWay, fingerprint } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

describeEachEngine('docker exec', (engine) => {
  const ways = everyWay(engine)
  beforeAll(() => ways.each((way) => way.box('box')))

  describe.each(['old', 'new', 'path'] as const)('with the %s CLI', (cli) => {
    test('F11 -i passes on the end of stdin and still prints what comes after it', async () => {
      // sort prints nothing before its input has ended
      const seen = await ways.same(
        (way) => way.docker(['exec', '-i', way.named('box'), 'sort'], { stdin: 'b\na\n' }),
        { cli },
      )
      expect(seen).toEqual({ exitCode: 0, stdout: 'a\nb\n', stderr: '' })
    })

    test('F11 -i prints on both outputs after the end of stdin, and passes on the exit code', async () => {
      const script = 'cat > /dev/null; seq 1 1000; echo err >&2; exit 9'
      const seen = await ways.same(
        (way) => way.docker(['exec', '-i', way.named('box'), 'sh', '-c', script], { stdin: 'x' }),
        { cli },
      )
      expect(seen).toEqual({ exitCode: 9, stdout: counted(1000), stderr: 'err\n' })
    })
  })

  describe.each(['old', 'new'] as const)('with the %s CLI', (cli) => {
    test('F12 works 20 times in a row', async () => {
      const seen = await ways.same(
        async (way) => {
          const ends = []
          for (let turn = 1; turn <= 20; turn += 1)
            ends.push(await way.docker(['exec', way.named('box'), 'echo', `${turn}`]))
          return ends
        },
        { cli },
      )
      expect(seen).toEqual(
        Array.from({ length: 20 }, (_, at) => ({ exitCode: 0, stdout: `${at + 1}\n`, stderr: '' })),
      )
    })

    test('F13 brings 5 MB out', async () => {
      const seen = await ways.same(
        async (way) => {
          const ended = await way.docker(['exec', way.named('box'), 'seq', '1', '700000'])
          return { ...ended, stdout: fingerprint(ended.stdout) }
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 0, stdout: fingerprint(counted(700_000)), stderr: '' })
    })

    test('F13 takes 5 MB in and brings them back', async () => {
      const bytes = randomBytes(3_750_000).toString('base64')
      const seen = await ways.same(
        async (way) => {
          const ended = await way.docker(['exec', '-i', way.named('box'), 'cat'], { stdin: bytes })
          return { ...ended, stdout: fingerprint(ended.stdout) }
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 0, stdout: fingerprint(bytes), stderr: '' })
    })

    test('F13 counts 3 MB', async () => {
      const seen = await ways.same(
        (way) => way.docker(['exec', '-i', way.named('box'), 'wc', '-c'], { stdin: randomBytes(3_000_000) }),
        { cli },
      )
      expect(seen).toEqual({ exitCode: 0, stdout: '3000000\n', stderr: '' })
    })

    test('ends as the engine says where nothing can be run', async () => {
      const seen = await ways.same(
        async (way) => ({
          noBox: await way.docker(['exec', way.named('nobody'), 'true']),
          noCommand: await way.docker(['exec', way.named('box'), 'no-such']),
        }),
        { cli },
      )
      expect(seen.noBox).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringMatching(/^Error(?: response from daemon)?: No such container: /),
      })
      expect([126, 127]).toContain(seen.noCommand.exitCode)
      expect(seen.noCommand.stdout).toContain('"no-such": executable file not found')
    })

    test('leaves a detached command to itself', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = way.named('box')
          await way.must(['exec', box, 'rm', '-f', '/pipe'])
          await way.must(['exec', box, 'mkfifo', '/pipe'])
          const detached = await way.docker(['exec', '-d', box, 'sh', '-c', 'echo on my own > /pipe'])
          return { detached, left: await way.docker(['exec', box, 'cat', '/pipe']) }
        },
        { cli },
      )
      expect(seen).toEqual({
        detached: { exitCode: 0, stdout: '', stderr: '' },
        left: { exitCode: 0, stdout: 'on my own\n', stderr: '' },
      })
    })
  })
})

/** What `seq 1 last` prints. */
function counted(last: number): string {
  return Array.from({ length: last }, (_, at) => `${at + 1}\n`).join('')
}

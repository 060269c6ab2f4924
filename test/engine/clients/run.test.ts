import { ALONE, everyWay, lingering, withoutClientLog } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

describeEachEngine('docker run', (engine) => {
  const ways = everyWay(engine)

  describe.each(['old', 'new', 'path'] as const)('with the %s CLI', (cli) => {
    test('keeps standard output and standard error apart and passes on the exit code', async () => {
      const args = ['run', '--rm', ...ALONE, 'busybox', ...lingering('echo out; echo err >&2', 7)]
      const seen = await ways.same((way) => way.docker(args), { cli })
      expect(seen).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' })
    })

    test('F10 -i ends with the end of standard input', async () => {
      const args = ['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering('cat')]
      const seen = await ways.same((way) => way.docker(args, { stdin: 'hi\n' }), { cli })
      expect(seen).toEqual({ exitCode: 0, stdout: 'hi\n', stderr: '' })
    })

    test('F10 -i prints what the container writes after the end of standard input', async () => {
      const script = 'wc -c; echo after; echo at last >&2'
      const args = ['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering(script, 3)]
      const seen = await ways.same((way) => way.docker(args, { stdin: 'x'.repeat(100_000) }), { cli })
      expect(seen).toEqual({ exitCode: 3, stdout: '100000\nafter\n', stderr: 'at last\n' })
    })
  })

  describe.each(['old', 'new'] as const)('with the %s CLI', (cli) => {
    test('-i carries a conversation', async () => {
      const echo = 'while read line; do echo "you said $line"; done; echo bye'
      const seen = await ways.same(
        async (way) => {
          using run = way.open(['run', '--rm', '-i', ...ALONE, 'busybox', ...lingering(echo)])
          for (const word of ['one', 'two', 'three']) {
            run.type(`${word}\n`)
            await run.shows(`you said ${word}\n`)
          }
          run.child.stdin!.end()
          return await run.ended
        },
        { cli },
      )
      expect(seen).toEqual({
        exitCode: 0,
        stdout: 'you said one\nyou said two\nyou said three\nbye\n',
        stderr: '',
      })
    })

    test('hands a signal on to the container', async () => {
      const script = 'trap "echo told; sleep 0.3; exit 5" TERM; echo ready; while :; do sleep 0.05; done'
      const seen = await ways.same(
        async (way) => {
          using run = way.open(['run', '--rm', ...ALONE, 'busybox', 'sh', '-c', script])
          await run.shows('ready')
          run.child.kill('SIGTERM')
          return await run.ended
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 5, stdout: 'ready\ntold\n', stderr: '' })
    })

    test('says what is wrong with a command that is not in the image', async () => {
      const args = ['run', '--rm', ...ALONE, 'busybox', 'no-such']
      const seen = await ways.same(async (way) => withoutClientLog(await way.docker(args)), { cli })
      expect(seen).toMatchObject({ exitCode: 127, stdout: '' })
      expect(seen.stderr).toContain('exec: "no-such": executable file not found')
    })

    test('says what is wrong with an image that cannot be had', async () => {
      const args = ['run', '--rm', ...ALONE, '--pull', 'never', 'nowhere/to-be:found', 'true']
      const seen = await ways.same((way) => way.docker(args), { cli })
      expect(seen).toMatchObject({ exitCode: 125, stdout: '' })
      expect(seen.stderr).toContain('No such image: nowhere/to-be:found')
    })
  })
})

import { ALONE, begun, everyWay, lingering, type Way } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

/** Ends once somebody has made this file in the container. */
const UNTIL_TOLD = 'until [ -e /told ]; do sleep 0.05; done'

const CONVERSATION = 'while read line; do echo "you said $line"; done; echo over >&2'

describeEachEngine('a stream', (engine) => {
  const ways = everyWay(engine)
  // The box may be gone before the command in it has ended, so how that ended says nothing.
  const tell = (way: Way, box: string) => way.docker(['exec', box, 'touch', '/told'])

  describe.each(['old', 'new'] as const)('with the %s CLI', (cli) => {
    test('attach carries stdin, its end, both outputs and the exit code', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = way.named(`talk-${cli}`)
          await way.must(['create', '-i', '--name', box, ...ALONE, 'busybox', ...lingering(CONVERSATION, 8)])
          await way.must(['start', box])
          using attach = way.open(['attach', box])
          attach.type('hello\n')
          await attach.shows('you said hello\n')
          attach.child.stdin!.end()
          return await attach.ended
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 8, stdout: 'you said hello\n', stderr: 'over\n' })
    })

    test('attach without stdin watches a container to its end', async () => {
      const ticking = 'while :; do echo tick; [ -e /told ] && exit 2; sleep 0.05; done'
      const seen = await ways.same(
        async (way) => {
          const box = await way.box(`tick-${cli}`, ['sh', '-c', ticking])
          using attach = way.open(['attach', '--no-stdin', box])
          await attach.shows('tick\n')
          await tell(way, box)
          const { exitCode, stdout, stderr } = await attach.ended
          return { exitCode, lines: [...new Set(stdout.split('\n'))], stderr }
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 2, lines: ['tick', ''], stderr: '' })
    })

    test('start -ai attaches before the container runs', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = way.named(`start-${cli}`)
          await way.must(['create', '-i', '--name', box, ...ALONE, 'busybox', ...lingering(CONVERSATION, 8)])
          return way.docker(['start', '-ai', box], { stdin: 'one\ntwo\n' })
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 8, stdout: 'you said one\nyou said two\n', stderr: 'over\n' })
    })

    test('logs shows what a container has said, all of it or a part', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = await way.box(`said-${cli}`, lingering('seq 1 5'))
          const torn = await way.box(`torn-${cli}`, lingering('echo out; echo err >&2'))
          await way.must(['wait', box, torn])
          return {
            all: await way.docker(['logs', box]),
            tail: await way.docker(['logs', '--tail', '2', box]),
            dated: await way.docker(['logs', '--timestamps', box]),
            torn: await way.docker(['logs', torn]),
          }
        },
        { cli },
      )
      expect(seen).toEqual({
        all: { exitCode: 0, stdout: '1\n2\n3\n4\n5\n', stderr: '' },
        tail: { exitCode: 0, stdout: '4\n5\n', stderr: '' },
        dated: {
          exitCode: 0,
          stdout: [1, 2, 3, 4, 5].map((line) => `(date) ${line}\n`).join(''),
          stderr: '',
        },
        torn: { exitCode: 0, stdout: 'out\n', stderr: 'err\n' },
      })
    })

    test('logs -f shows each line when it is written, and ends with the container', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = await way.box(`follow-${cli}`, lingering(`echo one; ${UNTIL_TOLD}; echo two`, 3))
          using logs = way.open(['logs', '-f', box])
          await logs.shows('one\n')
          await tell(way, box)
          return await logs.ended
        },
        { cli },
      )
      expect(seen).toEqual({ exitCode: 0, stdout: 'one\ntwo\n', stderr: '' })
    })

    test('wait answers at the end it was started before', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = await way.box(`wait-${cli}`, ['sh', '-c', `${UNTIL_TOLD}; exit 42`])
          using wait = way.open(['wait', box])
          await tell(way, box)
          return { open: await wait.ended, late: await way.docker(['wait', box]) }
        },
        { cli },
      )
      const answer = { exitCode: 0, stdout: '42\n', stderr: '' }
      expect(seen).toEqual({ open: answer, late: answer })
    })
  })

  test('stats shows one frame, or one after the other', async () => {
    const seen = await ways.same(
      async (way) => {
        const box = await way.box(`stats`)
        await begun(way, box)
        const format = '{{.Name}} runs {{.PIDs}}'
        const once = await way.docker(['stats', '--no-stream', '--format', format, box])
        using stats = way.open(['stats', '--format', format, box])
        await stats.shows(new RegExp(`(?:${box} runs 1[^]*){2}`))
        stats.child.kill('SIGTERM')
        await stats.ended
        return once
      },
      { cli: engine().kind },
    )
    expect(seen).toEqual({ exitCode: 0, stdout: `(way)-stats runs 1\n`, stderr: '' })
  })
})

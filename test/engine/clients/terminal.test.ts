import { ALONE, atTerminal, everyWay, JUDGED, type Scene, WAY_NAMES } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

/** Says when the terminal has got a size, then waits for the next. */
const SIZES = [
  'await() { until [ "$(stty size 2> /dev/null)" = "$1" ]; do sleep 0.05; done; echo "now $1"; }',
  'await "24 80"; await "40 100"; await "11 33"; sleep 0.3; exit 6',
].join('; ')

/** Answers each line, and ends with the last one. */
const TALK =
  'echo ready; while read line; do echo "you said $line"; [ "$line" = bye ] && break; done; sleep 0.3; exit 4'

describeEachEngine('a terminal', (engine) => {
  const ways = everyWay(engine)
  beforeAll(() => ways.each((way) => way.box('box')))

  describe.each(['old', 'new'] as const)('with the %s CLI', (cli) => {
    test('F24 run -it carries what is typed and shown, and the exit code', async () => {
      const seen = await ways.same(
        (way) =>
          atTerminal(
            way,
            ['run', '--rm', '-it', ...ALONE, 'busybox', 'sh', '-c', TALK],
            [{ expect: 'ready' }, { type: 'hello\n' }, { expect: 'you said hello' }, { type: 'bye\n' }],
          ),
        { cli, only: [...WAY_NAMES, JUDGED] },
      )
      expect(seen).toEqual({
        exitCode: 4,
        screen: 'ready\r\nhello\r\nyou said hello\r\nbye\r\nyou said bye\r\n',
      })
    })

    test('F24 run -it follows the size of the window', async () => {
      const seen = await ways.same(
        (way) => atTerminal(way, ['run', '--rm', '-it', ...ALONE, 'busybox', 'sh', '-c', SIZES], RESIZING),
        { cli },
      )
      expect(seen).toEqual({ exitCode: 6, screen: 'now 24 80\r\nnow 40 100\r\nnow 11 33\r\n' })
    })

    test('F24 exec -it follows the size of the window', async () => {
      const seen = await ways.same(
        (way) => atTerminal(way, ['exec', '-it', way.named('box'), 'sh', '-c', SIZES], RESIZING),
        { cli },
      )
      expect(seen).toEqual({ exitCode: 6, screen: 'now 24 80\r\nnow 40 100\r\nnow 11 33\r\n' })
    })

    test('F24 the detach keys leave the container running, for run and for attach', async () => {
      const seen = await ways.same(
        async (way) => {
          const box = way.named(`talk-${cli}`)
          const run = await atTerminal(
            way,
            ['run', '-it', '--name', box, ...ALONE, 'busybox', 'sh', '-c', TALK],
            [{ expect: 'ready' }, { type: '\x10\x11' }],
          )
          const attach = await atTerminal(
            way,
            ['attach', '--detach-keys', 'ctrl-x,q', box],
            [{ type: 'again\n' }, { expect: 'you said again' }, { type: '\x18q' }],
          )
          const state = await way.docker(['inspect', '--format', '{{.State.Status}}', box])
          const last = await atTerminal(way, ['attach', box], [{ type: 'bye\n' }, { expect: 'you said bye' }])
          return { run, attach: echoedOnce(attach), state: state.stdout, last: echoedOnce(last) }
        },
        // On a TCP host the CLI does not look for detach keys, not even where that is the engine's own port.
        { cli, only: ['directly', 'through the unix listener'] },
      )
      expect(seen).toMatchObject({
        run: { exitCode: 0, screen: expect.stringMatching(/^ready\r\n/) },
        attach: { screen: expect.stringContaining('you said again\r\n') },
        state: 'running\n',
        last: { exitCode: 4, screen: expect.stringContaining('you said bye\r\n') },
      })
    })
  })
})

/** What is typed before the CLI has taken the terminal over is echoed by this machine, and by the container's terminal too. */
function echoedOnce(scene: Scene): Scene {
  return { ...scene, screen: scene.screen.replace(/^(\w+\r\n)\1/, '$1') }
}

const RESIZING = [
  { expect: 'now 24 80' },
  { resize: [40, 100] },
  { expect: 'now 40 100' },
  { resize: [11, 33] },
  // The CLI tells each size on a connection of its own, and an older one may come last; while something is expected, sizes are repeated.
  { expect: 'now 11 33' },
] as const

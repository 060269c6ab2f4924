import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ALONE,
  everyWay,
  fingerprintFile,
  JUDGED,
  providePerl,
  RELAYED,
  randomFile,
  scratchFolder,
  WAY_NAMES,
  type Way,
} from '../../support/clients/index.ts'
import { describeEachEngine, type Ended, runLabel } from '../../support/engine/index.ts'
import { forgetPeak, peakResidentBytes, residentBytes } from '../../support/raw/proc.ts'

const MB = 1_000_000
const LONG = process.env.POWERSTRIP_LONG === '1'

/** For every build: nothing is taken from an earlier way's, and no step has a network. */
const BUILD = ['build', '--no-cache', '--network', 'none', '--label', runLabel()]

const LEGACY = { DOCKER_BUILDKIT: '0' }
const BUILDKIT = { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' }

describeEachEngine('docker build', (engine) => {
  const ways = everyWay(engine)
  const scratch = scratchFolder()

  describe.each(['old', 'new'] as const)('by the engine itself, with the %s CLI', (cli) => {
    test('gives the image that the Dockerfile describes', async () => {
      const context = await contextFolder(join(scratch.path, `small-${cli}`), {
        Dockerfile:
          'FROM busybox\nARG WHO\nCOPY . /in/\nRUN ls /in; echo "for $WHO"; sleep 0.3\nCMD cat /in/kept; sleep 0.3\n',
        kept: 'kept\n',
        left: 'left out\n',
        '.dockerignore': 'left\n',
      })
      const seen = await ways.same(
        async (way) => {
          const image = way.named(`small-${cli}`)
          const args = [...BUILD, '--build-arg', 'WHO=us', '--tag', image, context]
          const build = await way.docker(args, { env: LEGACY })
          return { build, run: await way.docker(['run', '--rm', ...ALONE, image]) }
        },
        { cli },
      )
      expect(seen.build.exitCode).toBe(0)
      expect(seen.build.stdout).toContain('\nDockerfile\nkept\nfor us\n')
      expect(seen.build.stdout).toContain(`Successfully tagged (way)-small-${cli}:latest\n`)
      expect(seen.run).toEqual({ exitCode: 0, stdout: 'kept\n', stderr: '' })
    })

    test('F39 shows each line when the engine writes it', async () => {
      const waiting = 'RUN echo first; until [ -e /told ]; do sleep 0.05; done; echo second; sleep 0.3'
      const context = await contextFolder(join(scratch.path, `slow-${cli}`), {
        Dockerfile: `FROM busybox\n${waiting}\n`,
      })
      const seen = await ways.same(
        async (way) => {
          using build = way.open([...BUILD, context], LEGACY)
          await build.shows('\nfirst\n')
          const box = /Running in ([0-9a-f]{12})/.exec(build.stdout)?.[1] ?? ''
          // The step may be over before the command in it has ended, so how that ended says nothing.
          await way.docker(['exec', box, 'touch', '/told'])
          return await build.ended
        },
        { cli, only: RELAYED },
      )
      expect(seen.exitCode).toBe(0)
      expect(seen.stdout).toContain('\nfirst\nsecond\n')
    })

    test('F39 reports a step that failed inside an answer that began well', async () => {
      const seen = await ways.same(
        (way) =>
          way.docker([...BUILD, '--force-rm', '-'], {
            env: LEGACY,
            stdin: 'FROM busybox\nRUN echo trying; sleep 0.3; exit 23\n',
          }),
        { cli },
      )
      expect(seen.exitCode).toBe(23)
      expect(seen.stdout).toContain('\ntrying\n')
      expect(seen.stderr).toContain(
        "The command '/bin/sh -c echo trying; sleep 0.3; exit 23' returned a non-zero code: 23",
      )
    })

    test('F39 load reports an archive that is none', async () => {
      const seen = await ways.same((way) => way.docker(['load'], { stdin: 'no archive\n'.repeat(1_000) }), {
        cli,
      })
      expect(seen).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/./) })
    })
  })

  test('F27 sends a context of 30 MB as it is, and a sandbox holds none of it', async () => {
    const context = join(scratch.path, 'medium')
    const sum = await randomContext(context, 30 * MB)
    const { pid } = await ways.judge()
    forgetPeak(pid)
    const before = residentBytes(pid)
    const seen = await ways.same((way) => summedUp(way, context), {
      cli: engine().kind,
      only: [...WAY_NAMES, JUDGED],
    })
    expect(seen).toEqual({ exitCode: 0, sum })
    expect(peakResidentBytes(pid) - before).toBeLessThan(25 * MB)
  })

  test('F27 sends a context of 300 MB as it is', async () => {
    const context = join(scratch.path, 'large')
    const sum = await randomContext(context, 300 * MB)
    const judge = LONG ? await ways.judge() : undefined
    if (judge !== undefined) forgetPeak(judge.pid)
    const seen = await ways.same((way) => summedUp(way, context), {
      cli: 'new',
      inTurn: true,
      only: ['directly', 'through the unix listener', ...(LONG ? ([JUDGED] as const) : [])],
    })
    expect(seen).toEqual({ exitCode: 0, sum })
    if (judge !== undefined) expect(peakResidentBytes(judge.pid)).toBeLessThan(250 * MB)
    console.log(`300 MB: ${LONG ? 'through a sandbox too' : 'POWERSTRIP_LONG=1 for a sandbox too'}`)
  }, 300_000)

  // The old CLI has a BuildKit client of its own, the new one hands over to the plugin. One build after the other:
  // BuildKit makes one of two that are alike, and shows its steps to whoever asked first.
  describe.each(['old', 'new'] as const)('by BuildKit, with the %s CLI', (cli) => {
    test('F28 mounts a secret', async () => {
      const context = await contextFolder(join(scratch.path, `secret-${cli}`), {
        Dockerfile:
          'FROM busybox\nRUN --mount=type=secret,id=word cat /run/secrets/word\nRUN test ! -e /run/secrets/word\n',
      })
      const secret = join(scratch.path, `secret-${cli}.txt`)
      await writeFile(secret, 'the word is mum\n')
      const seen = await ways.same(
        async (way) => {
          const args = [
            ...BUILD,
            '--secret',
            `id=word,src=${secret}`,
            '--tag',
            way.named(`secret-${cli}`),
            context,
          ]
          return printed(await way.docker(args, { env: BUILDKIT }))
        },
        { cli, inTurn: true },
      )
      expect(seen).toEqual({ exitCode: 0, lines: ['the word is mum'] })
    })

    test('F28 mounts an ssh agent, which answers from the client', async () => {
      const context = await contextFolder(join(scratch.path, `ssh-${cli}`), {
        Dockerfile: 'FROM busybox\nCOPY . /\nRUN --mount=type=ssh perl /ask-agent.pl\n',
        'ask-agent.pl': ASK_AGENT,
      })
      await providePerl(context)
      const key = join(scratch.path, `ssh-${cli}.key`)
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      await writeFile(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
      const seen = await ways.same(
        async (way) => {
          const args = [...BUILD, '--ssh', `default=${key}`, '--tag', way.named(`ssh-${cli}`), context]
          return printed(await way.docker(args, { env: BUILDKIT }))
        },
        { cli, inTurn: true },
      )
      const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url').toString('hex')
      expect(seen).toEqual({ exitCode: 0, lines: ['keys: 1', `modulus: ${modulus}`] })
    })

    test('reports a step that failed', async () => {
      const seen = await ways.same(
        async (way) => {
          const stdin = 'FROM busybox\nRUN echo trying; exit 23\n'
          const ended = await way.docker([...BUILD, '-'], { env: BUILDKIT, stdin })
          return {
            ...printed(ended),
            why: /did not complete successfully: exit code: \d+|exit code: \d+/.exec(ended.stderr)?.[0],
          }
        },
        { cli, inTurn: true },
      )
      expect(seen).toEqual({ exitCode: 1, lines: ['trying'], why: expect.stringContaining('exit code: 23') })
    })
  })

  test('F28 sends a context of 30 MB as it is', async () => {
    const context = join(scratch.path, 'kit')
    const sum = await randomContext(context, 30 * MB)
    const seen = await ways.same(
      async (way) => {
        const args = [...BUILD, '--tag', way.named('kit'), context]
        const { exitCode, lines } = printed(await way.docker(args, { env: BUILDKIT }))
        return { exitCode, sum: sumIn(lines.join()) }
      },
      { cli: 'new', inTurn: true },
    )
    expect(seen).toEqual({ exitCode: 0, sum })
  })

  test('F28 docker buildx build puts its result into the engine or into a folder', async () => {
    const context = await contextFolder(join(scratch.path, 'buildx'), {
      Dockerfile: 'FROM busybox AS made\nRUN echo made > /file\nFROM scratch\nCOPY --from=made /file /\n',
    })
    const seen = await ways.same(
      async (way) => {
        const folder = join(scratch.path, way.named('out'))
        const build = ['buildx', ...BUILD, '--progress', 'plain']
        const toFolder = await way.docker([...build, '--output', `type=local,dest=${folder}`, context])
        const toEngine = await way.docker([...build, '--load', '--tag', way.named('buildx'), context])
        const size = await way.docker(['image', 'inspect', '--format', '{{.Size}}', way.named('buildx')])
        return {
          exitCodes: [toFolder.exitCode, toEngine.exitCode],
          file: await fingerprintFile(join(folder, 'file')),
          size,
        }
      },
      { cli: 'new', inTurn: true },
    )
    expect(seen).toMatchObject({ exitCodes: [0, 0], size: { exitCode: 0, stdout: '5\n', stderr: '' } })
  })
})

/** Asks an ssh agent for its keys (RFC 4253 has the form of each) and prints how many, and what the first one is. */
const ASK_AGENT = `
use strict; use IO::Socket::UNIX;
my $agent = IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK}) or die "no agent: $!";
print $agent pack('NC', 1, 11);
read $agent, my $length, 4;
read $agent, my $answer, unpack('N', $length);
my ($kind, $keys, $blob) = unpack('C N N/a', $answer);
my (undef, undef, $modulus) = unpack('N/a N/a N/a', $blob);
$modulus =~ s/^\\0//;
print "keys: $keys\\n", 'modulus: ', unpack('H*', $modulus), "\\n";
`

async function contextFolder(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(folder)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** A context with a Dockerfile that sums up its only other file; the sum. */
async function randomContext(folder: string, bytes: number): Promise<string> {
  await contextFolder(folder, { Dockerfile: 'FROM busybox\nCOPY blob /\nRUN sha256sum /blob; sleep 0.3\n' })
  return fingerprintFile(await randomFile(join(folder, 'blob'), bytes))
}

async function summedUp(way: Way, context: string): Promise<{ exitCode: number; sum: string }> {
  const { exitCode, stdout } = await way.docker([...BUILD, '--tag', way.named('summed-up'), context], {
    env: LEGACY,
  })
  return { exitCode, sum: sumIn(stdout) }
}

/** The checksum that such a build printed, as the one of the file is written here. */
function sumIn(output: string): string {
  const [, hex] = /([0-9a-f]{64}) {2}\/blob/.exec(output) ?? []
  return Buffer.from(hex ?? '', 'hex').toString('base64')
}

/** What the steps of a BuildKit build printed, without the progress around it, whose order and times vary. */
function printed({ exitCode, stderr }: Ended): { exitCode: number; lines: string[] } {
  const lines = [...stderr.matchAll(/^#\d+ \d+\.\d+ (.*)$/gm)].map(([, line]) => line!)
  return { exitCode, lines }
}

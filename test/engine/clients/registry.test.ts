/** docker push and pull, with a real registry behind a real engine: plainly, and beside hooks that read and change the progress. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ALONE, everyWay, scratchFolder, type Way } from '../../support/clients/index.ts'
import { describeEachEngine, docker, type Ended } from '../../support/engine/index.ts'
import { mustRun } from '../../support/engine/run.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { type Registry, startRegistry } from '../../support/registry.ts'
import { startTwo } from '../../support/two/adapter.ts'

// biome-ignore lint/suspicious/noExplicitAny: messages of an engine's progress, read at will
type Message = any

describeEachEngine('with a registry, docker', (engine) => {
  let registry: Registry
  beforeAll(async () => {
    registry = await startRegistry()
  })
  const ways = everyWay(engine)
  const scratch = scratchFolder()
  afterAll(() => registry[Symbol.asyncDispose]())

  /** As somebody who has logged in. */
  const known = () => ({ env: { DOCKER_CONFIG: registry.configDir } })

  /** An image that no other way has a layer of: a registry tells pushes of what it has from others. */
  const makeImage = async (name: string, run: Way['must']): Promise<string> => {
    const folder = await mkdtemp(join(scratch.path, 'image-'))
    await writeFile(join(folder, 'whose'), `${name}\n`)
    const archive = `${folder}.tar`
    await mustRun('tar', ['--create', '--file', archive, '--directory', folder, 'whose'])
    const image = `${registry.name}/${name}:1`
    await run(['import', '--change', 'CMD ["/none"]', archive, image])
    return image
  }

  test('pushes and pulls, with and without credentials, what is there and what is not', async () => {
    const seen = await ways.same(
      async (way) => {
        const name = way.named('plain')
        const image = await makeImage(name, way.must)
        const digests = ['image', 'inspect', '--format', '{{.RepoDigests}}', image]
        const stranger = await way.docker(['push', image])
        const push = await way.docker(['push', image], known())
        const again = await way.docker(['push', image], known())
        const pushed = await way.docker(digests)
        await way.must(['image', 'rm', image])
        const refused = await way.docker(['pull', image])
        const missing = await way.docker(['pull', `${registry.name}/${name}:2`], known())
        const pull = await way.docker(['pull', image], known())
        const pulled = await way.docker(digests)
        await way.must(['image', 'rm', image])
        // The engine says that it has no such image, and the client pulls it.
        const create = await way.docker(['create', '--name', name, ...ALONE, image], known())
        const expected = `[${registry.name}/${name}@${await registry.digest(name, '1')}]\n`
        return {
          ...{ refused, missing },
          stranger: steady(stranger),
          push: steady(push),
          again: steady(again),
          pull: steady(pull),
          create: steady(create),
          areRight: [pushed, pulled].map(({ stdout }) => stdout === expected),
        }
      },
      { cli: engine().kind },
    )
    expect(seen).toMatchObject({
      stranger: { exitCode: 1, stderr: expect.stringContaining('no basic auth credentials') },
      push: {
        exitCode: 0,
        stdout: expect.stringMatching(/: Pushed\n1: digest: sha256:\(id\) size: \d+\n$/),
        stderr: '',
      },
      again: { exitCode: 0, stdout: expect.stringContaining(': Layer already exists\n') },
      refused: { exitCode: 1, stderr: expect.stringContaining('no basic auth credentials') },
      missing: { exitCode: 1, stderr: expect.stringContaining('manifest unknown') },
      pull: {
        exitCode: 0,
        stdout: expect.stringMatching(
          /: Pull complete\nDigest: sha256:\(id\)\nStatus: Downloaded newer image/,
        ),
      },
      create: { exitCode: 0, stdout: '(id)\n', stderr: expect.stringContaining(': Pull complete\n') },
      areRight: [true, true],
    })
  })

  test('shows the progress as an adapter changes it, in the order that the engine tells it in', async () => {
    const texts: string[] = []
    const shown: Message[] = []
    await using adapter = await startTwo('censor', {
      does: ({ type, message, text, headers }) => {
        texts.push(text, JSON.stringify(headers))
        if (type !== 'stream-hook') return undefined
        if (message.Part === 'open') return { Insert: [{ Event: { status: 'watched by censor' } }] }
        const Events = (message.Events as Message[]).map((event, Index) => ({ Index, event }))
        shown.push(...Events.map(({ event }) => censored(event)))
        return {
          Events: Events.filter(({ event }) => censored(event) !== event).map(({ event, Index }) => ({
            Index,
            Action: 'replace',
            Event: censored(event),
          })),
        }
      },
    })
    const hooks = { pre: ['censor'], validate: ['censor'], stream: ['censor'], observe: ['censor'] }
    const decisions = join(scratch.path, 'decisions.ndjson')
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        version: 2,
        adapters: { censor: { unix: adapter.socket, protocol: 2 } },
        endpoints: { 'ImagePush | ImageCreate': hooks },
        log: { decisions: { file: decisions } },
      }),
    })
    const name = `censored-${process.pid}-${engine().kind}`
    const must: Way['must'] = async (args) => {
      const { exitCode, stdout, stderr } = await docker(engine().host, args)
      if (exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
      return stdout
    }
    const image = await makeImage(name, must)

    const push = await docker(powerstrip.unix, ['push', image], known())
    expect(push).toEqual({ exitCode: 0, stdout: printed(shown), stderr: '' })
    expect(push.stdout).toMatch(
      /watched by censor\n(?:.*\n)*[0-9a-f]{12}: Sent away\n1: digest: sha256:[0-9a-f]{64} size/,
    )
    expect(push.stdout).not.toContain('Pushed')
    const digest = await registry.digest(name, '1')
    expect(push.stdout).toContain(`digest: ${digest} size`)

    await must(['image', 'rm', image])
    shown.length = 0
    const pull = await docker(powerstrip.unix, ['pull', image], known())
    // The client itself ends with the name of what it pulled.
    expect(pull).toEqual({ exitCode: 0, stdout: `${printed(shown)}${image}\n`, stderr: '' })
    expect(pull.stdout).toMatch(/watched by censor\n(?:.*\n)*[0-9a-f]{12}: Fetched\nDigest: /)
    expect(pull.stdout).not.toContain('Pull complete')
    expect(await must(['image', 'inspect', '--format', '{{.RepoDigests}}', image])).toBe(
      `[${registry.name}/${name}@${digest}]\n`,
    )

    const missing = await docker(powerstrip.unix, ['pull', `${registry.name}/${name}:2`], known())
    expect([missing.exitCode, missing.stderr]).toEqual([1, expect.stringContaining('manifest unknown')])
    await must(['image', 'rm', image])
    expect(await powerstrip.stop()).toBe(0)

    const told = [...texts, ...powerstrip.log.map((line) => JSON.stringify(line)), ...powerstrip.output]
    const everything = [...told, await readFile(decisions, 'utf8')].join('\n')
    expect(everything).toContain('"stream-hook"')
    expect(everything).toContain('"observe-hook"')
    expect(everything).toContain('ImagePush')
    expect(registry.secrets.filter((secret) => everything.includes(secret))).toEqual([])
    expect(everything.toLowerCase()).not.toContain('x-registry-auth')
  })
})

/**
 * Without the steps between a transfer's first and its last word: the engine tells watchers of a transfer its latest step
 * only, so that one it hurries over may stay untold, and it waits where others transfer at the same time (moby distribution/xfer/transfer.go).
 */
function steady({ stdout, stderr, exitCode }: Ended): Ended {
  const between = /^.*: (?:Waiting|Verifying Checksum|Download complete)\n/gm
  const without = (text: string) => text.replace(between, '')
  return { exitCode, stdout: without(stdout), stderr: without(stderr) }
}

function censored(event: Message): Message {
  if (event.status === 'Pushed') return { ...event, status: 'Sent away' }
  if (event.status === 'Pull complete') return { ...event, status: 'Fetched' }
  return event
}

/** What the CLI makes of messages where nothing but lines can be shown: bars are left out. */
function printed(messages: readonly Message[]): string {
  const lines = messages
    .filter(({ status, progressDetail }) => status !== undefined && !progressDetail?.current)
    .map(({ id, status }) => `${id === undefined ? '' : `${id}: `}${status}\n`)
  return ['watched by censor\n', ...lines].join('')
}

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { scratchFolder } from '../../support/clients/index.ts'
import { type CliKind, describeEachEngine, docker } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'

describeEachEngine('F37 a request that powerstrip refuses', (engine) => {
  const scratch = scratchFolder()
  let powerstrip: Powerstrip
  beforeAll(async () => {
    powerstrip = await startPowerstrip({ upstream: engine().host })
  })
  afterAll(() => powerstrip.stop())

  describe.each(['unix', 'tcp'] as const)('on the %s listener', (listener) => {
    const run = (cli: CliKind, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      docker(powerstrip[listener], args, { cli, env })

    test.each(['old', 'new', 'path'] as const)('is explained by the %s CLI in our words', async (cli) => {
      expect(await run(cli, ['logs', 'a\nb'])).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'Error response from daemon: the path holds an encoded control character (PS-PATH-006)\n',
      })
    })

    test.each(['old', 'new', 'path'] as const)('over its head is explained by the %s CLI', async (cli) => {
      const config = join(scratch.path, `${listener}-${cli}`)
      await mkdir(config)
      await writeFile(join(config, 'config.json'), '{"HttpHeaders": {"Expect": "wonders"}}')
      expect(await run(cli, ['ps'], { DOCKER_CONFIG: config })).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'Error response from daemon: the only expectation served is 100-continue (PS-FRAME-010)\n',
      })
    })

    test('for its old API version is explained, in the form that such clients show as it is', async () => {
      // The CLI takes an error of these versions for plain text. Today's engines answer it in JSON all the same.
      const ended = await run('new', ['ps'], { DOCKER_API_VERSION: '1.23' })
      expect(ended).toMatchObject({ exitCode: 1, stdout: '' })
      expect(ended.stderr).toContain(
        'API version 1.23 is older than 1.24, the oldest accepted here (PS-PATH-007)',
      )
    })

    test('leaves the listener as it was', async () => {
      await run('path', ['logs', 'a\nb'])
      expect((await run('path', ['version'])).exitCode).toBe(0)
    })
  })
})

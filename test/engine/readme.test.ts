/** What README.md tells a new user to type, typed. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { COMMAND } from '../support/powerstrip.ts'

function run(
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; output: string }> {
  return new Promise((done) => {
    execFile(command, [...args], { cwd, timeout: 240_000 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
    })
  })
}

function escaped(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')
}

describe('README.md', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ps-readme-'))
    const yaml = /^```yaml\n(.*?)^```$/ms.exec(await readFile('README.md', 'utf8'))?.[1]
    await writeFile(join(folder, 'adapters.yml'), yaml ?? '')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('npm run demo does what it says, and prints what is quoted', async () => {
    const demo = await run('npm', ['run', '--silent', 'demo'], resolve('.'))
    expect(demo).toMatchObject({ code: 0 })
    expect(demo.output).toMatch(/(\d+) of \1 commands did through powerstrip what they do without it/)
    const [, quoted = ''] = /^```text\n(.*?)^```$/ms.exec(await readFile('README.md', 'utf8')) ?? []
    const printed = demo.output.split('\n')
    let from = 0
    for (const line of quoted.trimEnd().split('\n')) {
      const pattern = new RegExp(`^${line.split('…').map(escaped).join('.*')}$`)
      const at = printed.findIndex((other, index) => index >= from && pattern.test(other))
      if (at === -1)
        throw new Error(`the demo does not print "${line}" where README.md says so:\n${demo.output}`)
      from = at + 1
    }
  }, 300_000)

  test('powerstrip check finds its configuration good', async () => {
    const check = await run(process.execPath, [COMMAND, 'check', 'adapters.yml'], folder)
    expect(check).toMatchObject({
      code: 0,
      output: expect.stringContaining('adapters.yml: good: 2 endpoints, 2 adapters'),
    })
  })

  test('powerstrip explain names the adapters that its configuration puts on a create', async () => {
    const explain = await run(
      process.execPath,
      [COMMAND, 'explain', '--config', 'adapters.yml', 'POST', '/v1.41/containers/create'],
      folder,
    )
    expect(explain.code).toBe(0)
    expect(explain.output).toMatch(/ContainerCreate/)
    expect(explain.output).toMatch(/pre {8}labels, audit/)
  })
})

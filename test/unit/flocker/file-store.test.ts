/** The ledger in a file, and what is left of it when its writer is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { openFileStore } from '../../../src/flocker/store/file-store.ts'
import { describeStore } from '../../support/flocker/store-spec.ts'
import { build } from '../cli/command.ts'

let dir: string

beforeAll(() => build())

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'file-store-'))
})

afterEach(() => rmSync(dir, { recursive: true }))

async function open(file: string) {
  const opened = await openFileStore(file)
  if (!opened.ok) throw new Error(opened.failure.message)
  return opened.value
}

describeStore('a file', async () => ({
  open: () => open(join(dir, 'sub', 'state')),
  async [Symbol.asyncDispose]() {},
}))

test('a second one on the same file is refused', async () => {
  await using _first = await open(join(dir, 'state'))
  expect(await openFileStore(join(dir, 'state'))).toEqual({
    ok: false,
    failure: { message: expect.stringContaining('in use by another flocker-control') },
  })
})

test.each([
  ['half a ledger', '7\n{"format":1,"config', 'is not JSON'],
  ['another format', '7\n{"format":2}', 'this version of powerstrip reads format 1'],
  ['something else', 'hello', 'does not begin with a revision'],
])('%s in the file is named, and left alone', async (_what, text, message) => {
  const file = join(dir, 'state')
  writeFileSync(file, text)
  expect(await openFileStore(file)).toEqual({
    ok: false,
    failure: { message: expect.stringContaining(message) },
  })
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('killed at any moment, it leaves the last ledger that was acknowledged, or the one after it', async () => {
  const file = join(dir, 'state')
  const script = `
    import { openFileStore } from ${JSON.stringify(resolve('dist/src/flocker/store/file-store.js'))}
    const opened = await openFileStore(${JSON.stringify(file)})
    if (!opened.ok) throw new Error(opened.failure.message)
    let { ledger, revision } = (await opened.value.ledger()).value
    for (;;) {
      // Long enough not to be written in one piece.
      const nodes = { filler: { host: String(ledger.configuration + 1).repeat(100000), endpoint: '' } }
      ledger = { ...ledger, configuration: ledger.configuration + 1, nodes }
      revision = (await opened.value.replace(ledger, revision)).value.revision
      console.log(ledger.configuration)
    }
  `
  let acknowledged = 0
  for (let round = 0; round < 12; round++) {
    const writer = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(writer, 'exit')
    const lines = createInterface({ input: writer.stdout })
    const last = { configuration: 0 }
    lines.on('line', (line) => {
      last.configuration = Number(line)
    })
    await once(lines, 'line')
    await new Promise((later) => setTimeout(later, Math.random() * 40))
    const closed = once(lines, 'close')
    writer.kill('SIGKILL')
    await Promise.all([exited, closed])

    await using store = await open(file)
    const read = await store.ledger()
    if (!read.ok) throw new Error(read.failure.message)
    const { configuration, nodes } = read.value.ledger
    expect([last.configuration, last.configuration + 1]).toContain(configuration)
    expect(configuration).toBeGreaterThan(acknowledged)
    expect(nodes.filler?.host).toBe(String(configuration).repeat(100_000))
    acknowledged = configuration
  }
})

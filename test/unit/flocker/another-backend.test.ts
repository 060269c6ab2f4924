/** A backend that is not Docker's volumes, behind the same interface; and the pass for what has changed on the way. */
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Control } from '../../../src/flocker/control/control.ts'
import { controlServer } from '../../../src/flocker/control/server.ts'
import { openFileStore } from '../../../src/flocker/store/file-store.ts'
import { providePackages } from '../../support/engine/index.ts'
import { FlockerApi } from '../../support/flocker/api.ts'
import { spawnMortal } from '../../support/mortal.ts'

/**
 * The first time that all has arrived, it is written down as what, and the source cannot be set aside. The next time somebody has
 * just written to it: one file is new, one other, one gone.
 */
function script(root: string): string {
  return `
    [ -e ${root}/arrived ] || { ls -i ${root}/two/staged/*/same > ${root}/arrived; exit 1; }
    echo new > added; echo second > changed; rm removed
  `
}

test('datasets in plain directories move too; what had arrived is not sent again, and what is written meanwhile comes along', async () => {
  await providePackages(['attr'])
  const dir = await mkdtemp(join(tmpdir(), 'directories-'))
  const store = await openFileStore(join(dir, 'state'))
  if (!store.ok) throw new Error(store.failure.message)
  const server = controlServer(new Control(store.value), undefined)
  await server.listen({ host: '127.0.0.1', port: 0 })
  const control = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  const program = resolve('test/support/flocker/directory-agents.ts')
  const agents = spawnMortal(process.execPath, ['--import', 'tsx', program, control, dir, script(dir)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(agents, 'exit').then(() => undefined)
  try {
    const log: string[] = []
    createInterface({ input: agents.stderr! }).on('line', (line) => log.push(line))
    const ready = once(createInterface({ input: agents.stdout! }), 'line')
    const [line] = (await Promise.race([ready, ended])) ?? [undefined]
    if (line === undefined) throw new Error(`the agents have ended: ${log.join('\n')}`)
    const [one, two] = JSON.parse(line) as [string, string]

    const api = new FlockerApi(control)
    const id = await api.create(one, 'plain')
    const path = await api.usableOn(id, one)
    for (const name of ['same', 'changed', 'removed']) await writeFile(join(path, name), 'first\n')
    await api.move(id, two)
    const there = await api.usableOn(id, two)

    expect(there.startsWith(join(dir, 'two', 'used'))).toBe(true)
    expect((await readdir(there)).sort()).toEqual(['added', 'changed', 'same'])
    const found = await Promise.all(
      ['added', 'changed', 'same'].map((name) => readFile(join(there, name), 'utf8')),
    )
    expect(found).toEqual(['new\n', 'second\n', 'first\n'])
    const { ino } = await stat(join(there, 'same'))
    expect(await readFile(join(dir, 'arrived'), 'utf8')).toMatch(new RegExp(`^${ino} `))
    await api.until(
      async () => [...(await left(join(dir, 'one', 'used'))), ...(await left(join(dir, 'one', 'frozen')))],
      (copies) => copies.length === 0,
    )
    expect(await left(join(dir, 'two', 'staged'))).toEqual([])
  } finally {
    // Whatever they are doing, it is over before their folders go.
    agents.kill('SIGKILL')
    await ended
    await server.close()
    await store.value[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  }
})

function left(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

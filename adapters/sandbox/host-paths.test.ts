import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountedBelow } from './host-paths.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mounts-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The kernel's table with these places in it. */
function tableOf(...points: string[]): string {
  const table = join(folder, 'mountinfo')
  const lines = points.map((point, at) => `${at + 30} 1 0:${at} / ${point} rw,relatime - tmpfs tmpfs rw`)
  writeFileSync(table, `${lines.join('\n')}\n`)
  return table
}

test('what is mounted below a folder is found, not the folder itself and not its neighbours', async () => {
  const below = { kind: 'mount', path: `${folder}/a b/c` }
  expect(await mountedBelow(folder, tableOf('/', folder, `${folder}/a\\040b/c`))).toEqual(below)
  expect(await mountedBelow(folder, tableOf('/', folder, `${folder}x/y`))).toEqual({ kind: 'nothing' })
})

test('nothing is mounted below what is not there', async () => {
  expect(await mountedBelow(`${folder}/no`, tableOf(`${folder}/no/a`))).toEqual({ kind: 'nothing' })
})

test('where the table cannot be read nobody knows', async () => {
  expect(await mountedBelow(folder, join(folder, 'none'))).toEqual({ kind: 'unseen' })
})

test('the table of this machine is read where none is named', async () => {
  expect(await mountedBelow('/')).toMatchObject({ kind: 'mount' })
})

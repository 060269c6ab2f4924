/** `powerstrip record`: relays like `serve`, and writes what passes by as fixtures for tests of adapters. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runServe, type ServeOptions } from './serve.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface RecordOptions extends Omit<ServeOptions, 'config'> {
  readonly out: string
  /** Operations by their ids, with commas between them; every operation without it. */
  readonly operations: string | undefined
}

export async function runRecord(options: RecordOptions, around: Surroundings): Promise<ExitCode> {
  const out = resolve(options.out)
  try {
    await mkdir(out, { recursive: true })
  } catch (problem) {
    around.err(`powerstrip record: ${(problem as Error).message}\n`)
    return 2
  }
  // A configuration like any other, so that recording is serving and nothing else.
  const folder = await mkdtemp(join(tmpdir(), 'powerstrip-record-'))
  try {
    const config = join(folder, 'record.yml')
    await writeFile(config, configFor(out, options.operations))
    around.out(`recording into ${out}\n`)
    return await runServe({ ...options, config }, around)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** JSON is YAML. Bodies that are too large to be shown are left out of a fixture, and nobody is kept waiting. */
function configFor(out: string, operations: string | undefined): string {
  const observe = [{ use: 'record', onOversize: 'omit' }]
  const keys = operations?.split(/[,| ]+/).filter(Boolean) ?? ['*', 'unknown']
  return JSON.stringify({
    version: 2,
    endpoints: Object.fromEntries(keys.map((key) => [key, { observe }])),
    adapters: { record: { use: 'record', with: { out } } },
  })
}

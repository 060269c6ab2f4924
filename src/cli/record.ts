/** `powerstrip record`: serves as `serve` does, and writes what passes by as fixtures for tests of adapters. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Config, Rule } from '../config/config.ts'
import { parseConfig } from '../config/parse.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { runServe, type ServeOptions } from './serve.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface RecordOptions extends ServeOptions {
  readonly out: string
  /** Operations by their ids, with commas between them; every operation without it. */
  readonly operations: string | undefined
}

export async function runRecord(options: RecordOptions, around: Surroundings): Promise<ExitCode> {
  const out = resolve(options.out)
  const recorder = recorderInto(out, options.operations)
  if (!recorder.ok) {
    around.err(`powerstrip record: ${recorder.failure}\n`)
    return 2
  }
  try {
    await mkdir(out, { recursive: true })
  } catch (problem) {
    around.err(`powerstrip record: ${(problem as Error).message}\n`)
    return 2
  }
  const also = (config: Config) => withRecorder(config, recorder.value)
  around.out(`recording into ${out}\n`)
  if (options.config !== undefined) return await runServe(options, around, also)

  // A configuration like any other, so that recording is serving and nothing else.
  const folder = await mkdtemp(join(tmpdir(), 'powerstrip-record-'))
  try {
    const config = join(folder, 'record.yml')
    await writeFile(config, 'version: 2\nadapters: {}\nendpoints: {}\n')
    return await runServe({ ...options, config }, around, also)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a configuration would say to have everything recorded, or the operations that are named. */
function recorderInto(out: string, operations: string | undefined): Result<Config, string> {
  // What the client sent and what it was answered: hooks of a configuration may have made something else of both on the way.
  // Bodies that are too large to be shown are left out of a fixture, and nobody is kept waiting.
  const observe = [{ use: NAME, onOversize: 'omit', originalRequest: true }]
  const keys = operations?.split(/[,| ]+/).filter(Boolean) ?? ['*', 'unknown']
  const text = JSON.stringify({
    version: 2,
    endpoints: Object.fromEntries(keys.map((key) => [key, { observe }])),
    adapters: { [NAME]: { use: 'record', with: { out } } },
  })
  const parsed = parseConfig(text, 'powerstrip record', { builtIns: ['record'] })
  if (parsed.ok) return ok(parsed.value.config)
  return failed(parsed.failure.map(({ message }) => `--operations: ${message}`).join('\n'))
}

const NAME = 'record'

/** The same for a configuration that somebody has, on every listener that has hooks. */
function withRecorder(config: Config, recorder: Config): Config {
  let name = NAME
  while (config.adapters.has(name)) name = `${name}er`
  const more = recorder.rules.map((rule) => ({
    ...rule,
    observe: rule.observe.map((use) => ({ ...use, adapter: name })),
  }))
  const rules: readonly Rule[] = [...config.rules, ...more]
  return {
    ...config,
    rules,
    listeners: config.listeners.map((listener) => {
      if (listener.rules === config.rules) return { ...listener, rules }
      return listener.rules.length === 0 ? listener : { ...listener, rules: [...listener.rules, ...more] }
    }),
    adapters: new Map([...config.adapters, [name, { ...recorder.adapters.get(NAME)!, name }]]),
  }
}

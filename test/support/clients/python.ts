import { resolve } from 'node:path'
import { type PackageName, providePackages } from '../engine/index.ts'
import { run } from '../engine/run.ts'

/** Debian's own: only that one sees Debian's packages. */
const PYTHON = '/usr/bin/python3'

/** Brings `python3` and `websocket` with it. */
const DOCKER_PY = 'python3-docker' as string as PackageName

/** Longer than the scripts' own patience, which ends with a better message. */
const PATIENCE_MS = 58_000

/** Runs one of the scripts beside this file and reads what it prints as JSON. */
export async function python(
  script: 'terminal.py' | 'docker_py.py',
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<unknown> {
  await providePackages([DOCKER_PY])
  const ended = await run(PYTHON, [resolve('test/support/clients', script), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PYTHONDONTWRITEBYTECODE: '1', ...env },
    timeoutMs: PATIENCE_MS,
  })
  if (ended.exitCode !== 0) throw new Error(`${script} ended with ${ended.exitCode}: ${ended.stderr}`)
  return JSON.parse(ended.stdout)
}

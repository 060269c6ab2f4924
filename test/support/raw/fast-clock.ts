/** A clock for a child process that its test can run at any speed, by libfaketime. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PackageName, providePackages } from '../engine/index.ts'
import { mustRun } from '../engine/run.ts'

export interface FastClock extends AsyncDisposable {
  /** Variables for the process that is to live by this clock. It starts at the usual time and speed. */
  readonly env: Readonly<Record<string, string>>
  /**
   * So many times as fast as real time, counted from the start of the process, and so many hours ahead. The process
   * learns of it the next time it looks at its clock; one that sleeps sleeps on until something wakes it.
   */
  run(speed: number, hoursAhead?: number): Promise<void>
}

let made = 0

export async function fastClock(): Promise<FastClock> {
  const faketime: string = 'faketime'
  await providePackages([faketime as PackageName])
  const files = await mustRun('dpkg', ['--listfiles', 'libfaketime'])
  const library = files.split('\n').find((file) => file.endsWith('/libfaketime.so.1'))
  if (library === undefined) throw new Error('the package libfaketime has no libfaketime.so.1')

  made += 1
  const settings = join(tmpdir(), `clock-${process.pid}-${made}`)
  const run = async (speed: number, hoursAhead = 0) => {
    // Renamed into place: it is read at every look at the clock.
    await writeFile(`${settings}.new`, `+${hoursAhead}h x${speed}\n`)
    await rename(`${settings}.new`, settings)
  }
  await run(1)
  return {
    env: { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: settings, FAKETIME_NO_CACHE: '1' },
    run,
    [Symbol.asyncDispose]: () => rm(settings, { force: true }),
  }
}

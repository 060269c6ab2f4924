import { resolve } from 'node:path'
import { mustRun } from '../../test/support/engine/run.ts'
import type { Contender } from './contender.ts'

const COMMAND = resolve('dist/src/main.js')

/** powerstrip as `npm run build` leaves it, with its defaults and no hooks. */
export const powerstrip: Contender = {
  id: 'powerstrip',
  title: 'powerstrip',
  packages: [],
  version: async () => (await mustRun(process.execPath, [COMMAND, '--version'])).trim(),
  launch: (place) => ({
    program: process.execPath,
    args: [
      ...[COMMAND, 'serve'],
      ...['--upstream', `unix://${place.engineSocket}`],
      ...['--listen', `tcp://127.0.0.1:${place.port}`],
      ...['--listen', `unix://${place.socket}`],
      // What the benchmark leaves open, idle streams above all, is of no use to anybody any more.
      ...['--grace', '0'],
    ],
    files: {},
  }),
}

/**
 * `npm run demo`: what powerstrip is, shown with the real docker command on real engines.
 *
 * Everything is private to the demo: its own engines in networks of their own, its own sockets. Every claim that is printed
 * has been checked, and one that is false ends the demo with exit code 1.
 */
import { parseArgs } from 'node:util'
import { showCommands } from './commands.ts'
import { showMovingSite } from './moving-site.ts'
import { FalseClaim, say, title } from './tell.ts'

const USAGE = `npm run demo -- [--moves N] [--only commands|site]

  --moves N   moves the web site N times, back and forth (1)
  --only P    shows one part only
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      moves: { type: 'string', default: '1' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const moves = Number(values.moves)
  const { only } = values
  const understood = Number.isInteger(moves) && moves > 0 && [undefined, 'commands', 'site'].includes(only)
  if (values.help || !understood) {
    say(USAGE)
    return values.help ? 0 : 2
  }
  try {
    if (only !== 'site') {
      title('Part one: docker commands go through powerstrip as if it were not there')
      await showCommands()
    }
    if (only !== 'commands') {
      title('Part two: a web site moves to another host, and its data, address and database come along')
      await showMovingSite(moves)
    }
    return 0
  } catch (problem) {
    if (!(problem instanceof FalseClaim)) throw problem
    say(`\nFALSE: ${problem.message}`)
    return 1
  }
}

process.exitCode = await main()

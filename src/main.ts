#!/usr/bin/env node
/** The command `powerstrip`. Arguments, signals and the exit code; nothing else touches the process. */
import { runCommand } from './cli/program.ts'

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    // A second signal means now.
    if (stop.signal.aborted) process.exit(1)
    stop.abort(signal)
  })
// A log reader that went away is no reason to stop serving.
const unheard = new AbortController()
process.stdout.on('error', () => unheard.abort())
process.stderr.on('error', () => {})

process.exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  stop: stop.signal,
  unheard: unheard.signal,
  isTerminal: process.stdout.isTTY === true,
  onStray(listener) {
    process.on('uncaughtException', listener)
  },
  onHangup(listener) {
    process.on('SIGHUP', listener)
    return () => process.off('SIGHUP', listener)
  },
})

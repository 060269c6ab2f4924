import { setTimeout as wait } from 'node:timers/promises'
import { defineAdapter, duration, options } from 'powerstrip/sdk'

interface Config {
  readonly delay: number
}

interface Call {
  readonly config: Config
  readonly signal: AbortSignal
}

/** Holds back every request and every answer for a while: what a slow adapter does to clients. */
export default defineAdapter<Config>({
  name: 'slowreq',
  version: '1.0.0',
  sideEffects: 'None',
  idempotent: true,
  config: options({ delay: duration('1s') }),
  pre: { '*': hold },
  post: { '*': hold },
})

function hold({ config, signal }: Call): Promise<void> {
  return wait(config.delay, undefined, { signal })
}

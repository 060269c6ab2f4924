import { mustRun } from '../../test/support/engine/run.ts'
import type { Contender } from './contender.ts'

/** Debian's HAProxy. */
export const haproxy: Contender = {
  id: 'haproxy',
  title: 'HAProxy',
  packages: ['haproxy'],
  async version() {
    const told = await mustRun('haproxy', ['-v'])
    return /version ([^ ]+)/.exec(told)?.[1] ?? told
  },
  launch: (place) => ({
    program: 'haproxy',
    // -db: in the foreground. As many threads as the machine has cores is the default.
    args: ['-db', '-f', `${place.dir}/haproxy.cfg`],
    files: {
      'haproxy.cfg': `
global
  # Two connections a client, for more than a thousand idle streams at once.
  maxconn 4096

defaults
  mode http
  # Sends what has come instead of waiting for more of the same answer. Without it the head of "wait", whose body
  # comes when the container exits, stays here for 200 ms.
  option http-no-delay
  # Followed logs and events are silent for as long as nothing happens.
  timeout connect 5s
  timeout client 24d
  timeout server 24d
  timeout tunnel 24d
  timeout http-keep-alive 1h
  # http-reuse is left at "safe", the default: engine connections are kept and shared, which Docker's calls allow.
  # Nothing is logged: no log target is named.

frontend docker
  bind 127.0.0.1:${place.port}
  bind ${place.socket}
  default_backend engine

backend engine
  server engine unix@${place.engineSocket}
`,
    },
  }),
}

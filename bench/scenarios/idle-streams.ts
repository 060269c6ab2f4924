import { setTimeout as sleep } from 'node:timers/promises'
import { Client, request } from '../client/client.ts'
import type { Scenario } from './scenario.ts'

const STREAMS = { full: 1000, quick: 100 } as const

/** What a connection leaves behind in the first moment is not what an idle stream costs. */
const SETTLE_MS = { full: 2000, quick: 200 } as const

const EVENTS = request('GET', '/events')
const MAKE_VOLUME = Buffer.concat([
  request('POST', '/volumes/create', 'Content-Type: application/json', 'Content-Length: 2'),
  Buffer.from('{}'),
])

/** Monitors, reverse proxies and dashboards keep an `/events` stream open for weeks. */
export const idleStreams: Scenario = {
  id: 'idle-streams',
  title: 'many idle /events streams (unix)',
  figures: [
    {
      id: 'memory-per-stream',
      title: 'memory, a stream',
      unit: 'KB',
      better: 'less',
      over: 'median',
      of: 'proxies',
      ratioTo: 'haproxy',
    },
  ],
  rounds: { full: 3, quick: 1 },
  // Memory that the first thousand have left behind would serve the next.
  freshEachRound: true,
  prepare: async ({ engine, pace }) => ({
    async check(subject, signal) {
      using client = new Client(subject.socket, { signal })
      client.begin(EVENTS)
      await client.reached('head')
      using other = new Client(engine.socket, { signal })
      const { status } = await other.ask(MAKE_VOLUME)
      if (status !== 201) throw new Error(`no volume could be made: ${status}`)
      // An idle stream is one that delivers when something happens at last.
      await client.reached('body')
    },
    async measure(subject, signal) {
      if (subject.processes === undefined) return {}
      const before = subject.processes.residentBytes()
      const clients: Client[] = []
      try {
        while (clients.length < STREAMS[pace]) {
          const client = new Client(subject.socket, { signal, readBytes: 4096 })
          clients.push(client)
          client.begin(EVENTS)
          const { status } = await client.reached('head')
          if (status !== 200) throw new Error(`stream ${clients.length} is answered ${status}`)
        }
        await sleep(SETTLE_MS[pace], undefined, { signal })
        const grown = subject.processes.residentBytes() - before
        return { 'memory-per-stream': grown / 1024 / clients.length }
      } finally {
        for (const client of clients) client[Symbol.dispose]()
      }
    },
  }),
}

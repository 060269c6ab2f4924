import { Client, request } from '../client/client.ts'
import { median } from '../figure.ts'
import type { Subject } from '../subject.ts'
import type { Scenario } from './scenario.ts'

const TIMES = { full: 20, quick: 3 } as const

/** `docker run` sends `start` only when it has the head of `wait`, whose body comes when the container ends. */
export const wait: Scenario = {
  id: 'wait',
  title: 'POST …/wait on a running container (unix)',
  figures: [
    {
      id: 'head-ms',
      title: 'until the head is here',
      unit: 'ms',
      better: 'less',
      over: 'median',
      of: 'all',
      ratioTo: 'direct',
    },
  ],
  rounds: { full: 5, quick: 1 },
  async prepare({ box, pace }) {
    const ask = request('POST', `/containers/${box}/wait`)
    return {
      async check(subject, signal) {
        await headMs(subject, ask, signal)
      },
      async measure(subject, signal) {
        const times: number[] = []
        for (let n = 0; n < TIMES[pace]; n++) times.push(await headMs(subject, ask, signal))
        return { 'head-ms': median(times) }
      },
    }
  },
}

async function headMs(subject: Subject, ask: Buffer, signal: AbortSignal): Promise<number> {
  using client = new Client(subject.socket, { signal })
  await client.connected()
  const since = performance.now()
  client.begin(ask)
  await client.reached('first-byte')
  const ms = performance.now() - since
  const { status, head } = await client.reached('head')
  if (status !== 200) throw new Error(`wait is answered ${status}:\n${head}`)
  return ms
}

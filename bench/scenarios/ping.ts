import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { mustPing } from '../answers.ts'
import type { Scenario } from './scenario.ts'

const SECONDS = { full: 2, quick: 1 } as const
const CONNECTIONS = 16

/** Many small requests at once. TCP, for wrk speaks nothing else. */
export const ping: Scenario = {
  id: 'ping',
  title: `/_ping over ${CONNECTIONS} keep-alive TCP connections (wrk)`,
  figures: [
    {
      id: 'requests-per-second',
      title: 'requests',
      unit: 'req/s',
      better: 'more',
      over: 'median',
      of: 'all',
      ratioTo: 'direct',
    },
    { id: 'p50', title: 'p50', unit: 'µs', better: 'less', over: 'median', of: 'all', ratioTo: 'direct' },
    { id: 'p99', title: 'p99', unit: 'µs', better: 'less', over: 'median', of: 'all', ratioTo: 'direct' },
    {
      id: 'cpu-per-request',
      title: 'CPU time of the proxy, a request',
      unit: 'µs',
      better: 'less',
      over: 'median',
      of: 'proxies',
      ratioTo: 'haproxy',
    },
    {
      id: 'engine-cpu-per-request',
      title: 'CPU time of the engine, a request',
      unit: 'µs',
      better: 'less',
      over: 'median',
      of: 'all',
      ratioTo: 'direct',
    },
  ],
  // Many short ones: on two cores the engine itself is by turns three times as fast, whoever is in front of it.
  rounds: { full: 15, quick: 1 },
  prepare: async ({ engineProcesses, pace }) => ({
    async check(subject, signal) {
      await mustPing(subject.port, signal)
      // Programs that compile as they run get the time for it.
      await wrk(subject.port, pace === 'full' ? 3 : 1, signal)
    },
    async measure(subject, signal) {
      const before = subject.processes?.cpuUs() ?? 0
      const engineBefore = engineProcesses.cpuUs()
      const { requests, durationUs, p50Us, p99Us } = await wrk(subject.port, SECONDS[pace], signal)
      const engineCpuUs = engineProcesses.cpuUs() - engineBefore
      return {
        'requests-per-second': requests / (durationUs / 1e6),
        p50: p50Us,
        p99: p99Us,
        'engine-cpu-per-request': engineCpuUs / requests,
        ...(subject.processes && { 'cpu-per-request': (subject.processes.cpuUs() - before) / requests }),
      }
    },
  }),
}

interface WrkReport {
  readonly requests: number
  readonly durationUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly errors: number
}

async function wrk(port: number, seconds: number, signal: AbortSignal): Promise<WrkReport> {
  const { stdout } = await promisify(execFile)(
    'wrk',
    [
      // One thread is far from busy with this and leaves the other core to those who are measured.
      ...['--threads', '1', '--connections', `${CONNECTIONS}`, '--duration', `${seconds}s`],
      ...['--script', resolve('bench/scenarios/wrk-report.lua'), `http://127.0.0.1:${port}/_ping`],
    ],
    { signal },
  )
  const report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as WrkReport
  if (report.errors > 0) throw new Error(`${report.errors} of ${report.requests} requests failed:\n${stdout}`)
  return report
}

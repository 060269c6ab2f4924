/** What the two big streams have in common: how large they are, and what of a proxy is watched while one runs. */
import type { ContenderId } from '../contenders/contender.ts'
import type { Figure } from '../figure.ts'
import type { Subject } from '../subject.ts'
import type { Sample } from './scenario.ts'

/** 2 GB, and what shows quickly that it works. */
export const STREAM_BYTES = { full: 2_000_000_000, quick: 200_000_000 } as const

export const STREAM_FIGURES: readonly Figure[] = [
  {
    id: 'gb-per-second',
    title: 'speed',
    unit: 'GB/s',
    better: 'more',
    over: 'median',
    of: 'all',
    ratioTo: 'direct',
  },
  {
    id: 'cpu-per-gb',
    title: 'CPU time of the proxy, a GB',
    unit: 'ms/GB',
    better: 'less',
    over: 'median',
    of: 'proxies',
    ratioTo: 'haproxy',
  },
  {
    id: 'memory-growth',
    title: 'peak memory growth',
    unit: 'MB',
    better: 'less',
    over: 'largest',
    of: 'proxies',
    // Some grow by nothing at all.
    ratioTo: undefined,
  },
]

/** Watches one stream after the other, for all subjects of a scenario. */
export class StreamWatch {
  readonly #restingBytes = new Map<ContenderId, number>()

  /** `transfer` resolves with the bytes it moved. */
  async watch(subject: Subject, transfer: () => Promise<number>): Promise<Sample> {
    const { processes } = subject
    // Every round's peak is compared with the memory before the first: growth that stays counts, too.
    if (processes && !this.#restingBytes.has(subject.id))
      this.#restingBytes.set(subject.id, processes.residentBytes())
    processes?.forgetPeak()
    const cpuBefore = processes?.cpuUs() ?? 0

    const since = performance.now()
    const bytes = await transfer()
    const seconds = (performance.now() - since) / 1000

    const gb = bytes / 1e9
    if (processes === undefined) return { 'gb-per-second': gb / seconds }
    const resting = this.#restingBytes.get(subject.id) ?? 0
    return {
      'gb-per-second': gb / seconds,
      'cpu-per-gb': (processes.cpuUs() - cpuBefore) / 1000 / gb,
      'memory-growth': Math.max(0, processes.peakBytes() - resting) / 1e6,
    }
  }
}

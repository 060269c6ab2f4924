import type { Adapter } from '../model/hook.ts'

/** What adapters do besides answering calls, while they are in force. */
export interface Background {
  /** Calls it off, and resolves when all of it has ended. */
  end(): Promise<void>
}

export function beginBackground(adapters: readonly Adapter[]): Background {
  const stop = new AbortController()
  const running = adapters.map((adapter) => adapter.background?.(stop.signal))
  return {
    async end() {
      stop.abort()
      await Promise.all(running)
    },
  }
}

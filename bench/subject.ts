import type { ContenderId } from './contenders/contender.ts'
import type { ProcessTree } from './process-tree.ts'

/** What is measured: a running contender, or the engine itself. */
export interface Subject {
  readonly id: ContenderId
  readonly title: string
  /** On 127.0.0.1. */
  readonly port: number
  readonly socket: string
  /** The engine directly has none of its own. */
  readonly processes: ProcessTree | undefined
  /** Ends its processes, and with them whatever they still hold of the engine. */
  end(): Promise<void>
}

/** What a command may use of the process it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Aborted when the process is asked to stop. */
  readonly stop: AbortSignal
  /** Aborted when nobody reads any more what is written out. */
  readonly unheard?: AbortSignal
  /** Whether a person reads what is written out, on a terminal. */
  readonly isTerminal?: boolean
  /** Calls `listener` on every SIGHUP until what comes back is called. Without a listener SIGHUP ends the process. */
  readonly onHangup?: (listener: () => void) => () => void
  /** Calls `listener` with whatever is thrown where nobody catches it. Without a listener that ends the process. */
  readonly onStray?: (listener: (thrown: unknown) => void) => void
}

/** 0: done. 1: something outside failed. 2: the command or a configuration file is wrong, and the message says where. */
export type ExitCode = 0 | 1 | 2

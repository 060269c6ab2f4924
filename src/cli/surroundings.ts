/** What a command may use of the process it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Aborted when the process is asked to stop. */
  readonly stop: AbortSignal
}

/** 0: done. 1: something outside failed. 2: the command or a configuration file is wrong, and the message says where. */
export type ExitCode = 0 | 1 | 2

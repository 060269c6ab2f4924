/** Debian 12's engine (20.10, API 1.41) or Debian 13's (26.1, API 1.45). */
export type EngineKind = 'old' | 'new'

export const ENGINE_KINDS: readonly EngineKind[] = ['old', 'new']

/** A running Docker Engine. */
export interface Engine extends AsyncDisposable {
  readonly kind: EngineKind
  /** Path of the unix socket. Shorter than 90 bytes, so that a test can put something behind it. */
  readonly socket: string
  /** The socket as `DOCKER_HOST` spells it. */
  readonly host: string
  readonly version: string
  readonly apiVersion: string
  /** dockerd's process id right now; another one after `start`. */
  readonly pid: number
  /** Everything the engine owns lies below. */
  readonly dir: string
  /** The engine's address as this machine sees it, where it has a network of its own. */
  readonly address: string | undefined
  /** Sends a signal to dockerd, SIGKILL unless told, and waits until it is gone. Containers live on after SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts dockerd again after `kill`, on the same data; ready when it returns. */
  start(): Promise<void>
  /** Stops the engine and leaves nothing of it. */
  dispose(): Promise<void>
}

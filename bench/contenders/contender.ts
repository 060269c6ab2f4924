import type { PackageName } from '../../test/support/engine/index.ts'

/** Short names: keys of the JSON, and what `--only` and the targets say. */
export type ContenderId = 'direct' | 'powerstrip' | 'haproxy' | 'nginx' | 'http-proxy'

/** Where a contender listens, and the engine behind it. All of them speak to the engine through its unix socket. */
export interface Place {
  readonly engineSocket: string
  /** On 127.0.0.1. */
  readonly port: number
  readonly socket: string
  /** The contender's own folder, for its configuration and whatever it writes. */
  readonly dir: string
}

/** How to start one: a program in the foreground, and the configuration it reads. */
export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  /** Text of files, by their names in the contender's folder. */
  readonly files: Readonly<Record<string, string>>
}

/** Something that stands between a client and the engine, set up as well as somebody who knows Docker would. */
export interface Contender {
  readonly id: Exclude<ContenderId, 'direct'>
  readonly title: string
  readonly packages: readonly PackageName[]
  version(): Promise<string>
  launch(place: Place): Launch
}

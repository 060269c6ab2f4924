import { runLabel } from '../engine/index.ts'

/** What containers are started with on an engine without a network of its own, which may be somebody else's engine. */
export const ALONE: readonly string[] = ['--network', 'none', '--label', runLabel()]

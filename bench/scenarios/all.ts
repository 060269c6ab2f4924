import { download } from './download.ts'
import { idleStreams } from './idle-streams.ts'
import { ping } from './ping.ts'
import type { Scenario } from './scenario.ts'
import { sequential } from './sequential.ts'
import { upload } from './upload.ts'
import { wait } from './wait.ts'

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  ping,
  sequential('keep-alive', 'unix'),
  sequential('keep-alive', 'tcp'),
  sequential('per-request', 'unix'),
  sequential('per-request', 'tcp'),
  download,
  upload,
  idleStreams,
  wait,
]

import { runLabel } from '../engine/index.ts'
import { python } from './python.ts'
import type { Way } from './ways.ts'

/** Plays one of the scenes of `docker_py.py`; what it has seen. */
export function dockerPy(way: Way, scene: string): Promise<unknown> {
  return python('docker_py.py', [way.host, way.named('py'), runLabel(), scene])
}

import type { Contender } from './contender.ts'
import { haproxy } from './haproxy.ts'
import { httpProxy } from './http-proxy.ts'
import { nginx } from './nginx.ts'
import { powerstrip } from './powerstrip.ts'

/** In the order in which they take turns; the engine itself comes before them. */
export const CONTENDERS: readonly Contender[] = [powerstrip, haproxy, nginx, httpProxy]

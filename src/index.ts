/** The engine's public API: running a proxy from a program. */

export { type Address, describeAddress } from './model/address.ts'
export type { EventSink, ExchangeReport, Fate, ProxyEvent } from './model/event.ts'
export { parseAddress } from './model/parse-address.ts'
export type { Result } from './model/result.ts'
export { type Proxy, type ProxyOptions, type StartFailure, startProxy } from './proxy.ts'
export { VERSION } from './version.ts'

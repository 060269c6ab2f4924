/**
 * How TCP connections are kept, on either side.
 *
 * A peer that lost its network sends nothing, and a silent stream would wait for it for ever: the kernel asks after 15 s of silence, as
 * dockerd's own listeners and Go's HTTP clients do, where Linux by itself waits for two hours. Nothing is delayed for company: an
 * API of small messages would only ever wait (Nagle).
 */
export const TCP_TERMS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const

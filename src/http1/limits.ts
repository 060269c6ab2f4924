/** Longest request line, in bytes with its line end (PS-FRAME-011). Docker's longest real ones carry filters of a few KiB. */
export const REQUEST_LINE_LIMIT_BYTES = 64 * 1024

/**
 * Largest head, in bytes (PS-FRAME-011). The engine itself takes 1 MiB (Go's net/http default); the largest heads of
 * real clients are builds with `X-Registry-Config`, a few KiB for each registry.
 */
export const HEAD_LIMIT_BYTES = 256 * 1024

/** Most field lines in one head (PS-FRAME-011). The docker CLI sends about ten, buildx about thirty. */
export const FIELD_LIMIT = 200

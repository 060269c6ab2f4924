/**
 * One call of the Docker Engine API, by the id that Docker's own API description gives it.
 *
 * The table of all of them, `operations.ts`, is generated; this file says what its columns mean.
 */
export interface Operation {
  /** As in Docker's API description: `ContainerCreate`. */
  readonly id: string
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** Template without version prefix: `/containers/{id}/json`. */
  readonly path: string
  /** The name in the path may hold slashes, or be empty: `/images/a/b/c/json` is about the image `a/b/c`. */
  readonly greedy?: true
  /** What the request body carries. */
  readonly takes: 'none' | 'json' | 'tar'
  /** What a successful answer carries. */
  readonly gives: 'none' | 'json' | 'json-stream' | 'tar' | 'raw-stream' | 'text' | 'two-way'
  /** The upgrade token of an operation that may turn the connection into a two-way stream. */
  readonly hijack?: 'tcp' | 'websocket' | 'h2c'
  /**
   * Whether the answer may go on without end: always, unless the query switches it off, or only if the query asks for it
   * (`endless.ts` reads the query). Where there is a `hijack` too, the engine's answer comes first: one that does not turn
   * two-way is an ordinary one.
   */
  readonly endless?: 'always' | 'unless-query' | 'if-query'
  /** Known query keys, exactly as the engine spells them. */
  readonly query: Readonly<Record<string, QueryKind>>
}

/** `array`: may be repeated. `json`: text that the engine parses as JSON. */
export type QueryKind = 'string' | 'boolean' | 'integer' | 'array' | 'json'

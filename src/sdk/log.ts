/** Where an adapter's own words go. The proxy hands in its log; an adapter on its own writes to its process. */
export interface AdapterLog {
  info(message: string): void
  warn(message: string): void
  error(problem: unknown): void
}

export const CONSOLE_LOG: AdapterLog = {
  info: (message) => console.log(message),
  warn: (message) => console.error(message),
  error: (problem) => console.error(problem),
}

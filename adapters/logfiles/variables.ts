/** The two variables of a container that matter here, out of a list that may be anything. */

/** The folders named in `LOGS=/var/log,/data/log`, each once. */
export function logPaths(env: unknown): string[] {
  return [
    ...new Set(valuesOf('LOGS', env).flatMap((value) => value.split(',').filter((path) => path !== ''))),
  ]
}

/** The last one given, as for the container's own programs. */
export function tokenOf(env: unknown): string | undefined {
  return valuesOf('POWERSTRIP_TOKEN__', env).findLast((value) => UUID.test(value))
}

export function withToken(env: readonly string[] | null | undefined, token: string): string[] {
  return [...(env ?? []), `POWERSTRIP_TOKEN__=${token}`]
}

/** Absolute, without detours, and without the colon that would end it within a bind. */
export function isCleanPath(path: string): boolean {
  return /^(?:\/(?!\.{1,2}(?:\/|$))[^/:\p{Cc}]+)+$/u.test(path)
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function valuesOf(name: string, env: unknown): string[] {
  if (!Array.isArray(env)) return []
  const prefix = `${name}=`
  return env.flatMap((entry: unknown) =>
    typeof entry === 'string' && entry.startsWith(prefix) ? [entry.slice(prefix.length)] : [],
  )
}

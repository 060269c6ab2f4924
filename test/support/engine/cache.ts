import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where downloads are kept from one run to the next. */
export function cacheDir(): string {
  const told = process.env.POWERSTRIP_CACHE
  if (told) return resolve(told)
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'powerstrip-engine')
}

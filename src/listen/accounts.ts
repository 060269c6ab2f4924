/** Unix users and groups by name; Node has no call for it. */
import { readFileSync } from 'node:fs'
import { failed, ok, type Result } from '../model/result.ts'

/** The numeric id of a group given by name or number. */
export function groupId(name: string): Result<number, string> {
  return idIn('/etc/group', 'group', name)
}

/** The numeric id of a user given by name or number. */
export function userId(name: string): Result<number, string> {
  return idIn('/etc/passwd', 'user', name)
}

/** Both tables start a line with name, password and number. */
function idIn(file: string, what: string, name: string): Result<number, string> {
  if (/^[0-9]+$/.test(name)) return ok(Number(name))
  let table: string
  try {
    table = readFileSync(file, 'utf8')
  } catch (cause) {
    return failed(`${file} cannot be read to find the ${what} "${name}": ${(cause as Error).message}`)
  }
  for (const line of table.split('\n')) {
    const [entry, , id] = line.split(':')
    if (entry === name && id !== undefined) return ok(Number(id))
  }
  return failed(`there is no ${what} "${name}" in ${file}`)
}

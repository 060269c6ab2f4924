/** Unix groups by name; Node has no call for it. */
import { readFileSync } from 'node:fs'
import { failed, ok, type Result } from '../model/result.ts'

/** The numeric id of a group given by name or number. */
export function groupId(name: string): Result<number, string> {
  if (/^[0-9]+$/.test(name)) return ok(Number(name))
  let table: string
  try {
    table = readFileSync('/etc/group', 'utf8')
  } catch (cause) {
    return failed(`/etc/group cannot be read to find the group "${name}": ${(cause as Error).message}`)
  }
  for (const line of table.split('\n')) {
    const [group, , id] = line.split(':')
    if (group === name && id !== undefined) return ok(Number(id))
  }
  return failed(`there is no group "${name}" in /etc/group`)
}

/** A query as hooks of protocol 2 are shown it: decoded as the engine does it, in the order of the target. */
export function queryOf(target: string): Readonly<Record<string, readonly string[]>> {
  const mark = target.indexOf('?')
  if (mark === -1 || mark === target.length - 1) return NONE
  const query = new Map<string, string[]>()
  // Without the `&` a question mark at the start would be taken for the one before a query and dropped.
  for (const [name, value] of new URLSearchParams(`&${target.slice(mark + 1)}`)) {
    const values = query.get(name)
    if (values === undefined) query.set(name, [value])
    else values.push(value)
  }
  return Object.fromEntries(query)
}

const NONE = Object.freeze({})

/** Taking members out of an object of a text and putting others in; everything else stays as it was written. */
import type { JsonMember, JsonNode } from './json.ts'
import type { Edit } from './splice.ts'

type ObjectNode = JsonNode & { readonly kind: 'object' }

/** What takes the members that `goes` names out of an object, and puts `put`, members as text, behind those that stay. */
export function reshaped(
  object: ObjectNode,
  goes: (member: JsonMember) => boolean,
  put: readonly string[],
): Edit[] {
  const edits: Edit[] = []
  let kept = 0
  for (const [index, member] of object.members.entries()) {
    if (!goes(member)) {
      kept++
      continue
    }
    // With the comma before it, or with the one behind it where nothing before it stays.
    const start = kept > 0 ? object.members[index - 1]!.value.end : member.start
    const end = kept > 0 ? member.value.end : (object.members[index + 1]?.start ?? member.value.end)
    edits.push({ start, end, text: '' })
  }
  if (put.length === 0) return edits
  const end = object.end - 1
  return [...edits, { start: end, end, text: `${kept > 0 ? ',' : ''}${put.join(',')}` }]
}

/** A member as text, with its value as it stands in `text`. */
export function memberText(text: string, key: string, { start, end }: JsonNode): string {
  return `${JSON.stringify(key)}:${text.slice(start, end)}`
}

import type { Problems } from './problem.ts'
import { type Entry, type MapNode, quote } from './tree.ts'
import { placeOf, readMap } from './values.ts'

/** The maps of a section that must be there, in whichever file; a misspelt key would otherwise turn every hook off. */
export function requiredMaps(
  key: 'endpoints' | 'adapters',
  sections: readonly Entry[],
  root: MapNode,
  problems: Problems,
): readonly MapNode[] {
  const advice = `if there are none, write "${key}: {}"`
  if (sections.length === 0) {
    const { file, line, column } = root.at
    problems.error(
      'key-missing',
      { file, line, column, endColumn: column },
      `the key "${key}" is missing; ${advice}`,
    )
  }
  return sections.flatMap((section) => {
    if (section.value.kind === 'null') {
      problems.error('key-missing', placeOf(section), `the key ${quote(section.key)} has no value; ${advice}`)
      return []
    }
    return readMap(section, problems) ?? []
  })
}

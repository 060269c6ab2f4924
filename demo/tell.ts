/** How the demo speaks, and what happens when something that it says is not so. */

export function say(text = ''): void {
  process.stdout.write(`${text}\n`)
}

export function title(text: string): void {
  say(`\n${text}\n${'─'.repeat(text.length)}`)
}

/** Something that was said and is not so. */
export class FalseClaim extends Error {}

/** Nothing is claimed unchecked: what does not hold ends the demo. */
export function claim(holds: boolean, words: string, found: unknown): void {
  if (holds) return
  throw new FalseClaim(
    `it is not true that ${words}; found: ${typeof found === 'string' ? found : JSON.stringify(found)}`,
  )
}

/** As `claim`, and says so where it holds. */
export function proven(holds: boolean, words: string, found: unknown): void {
  claim(holds, words, found)
  say(`  ✓ ${words}`)
}

/** An argument as one types it in a shell. */
export function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

import { readFile, writeFile } from 'node:fs/promises'

const BEGIN = '# created by powerstrip weave - BEGIN'
const END = '# created by powerstrip weave - END'

/** A container's `/etc/hosts`, from outside: its weave address comes first, between marks, and what else there is stays. */
export async function nameInHosts(path: string, address: string, names: readonly string[]): Promise<void> {
  await writeFile(path, withNames(await readFile(path, 'utf8'), address, names))
}

export function withNames(text: string, address: string, names: readonly string[]): string {
  const rest = text.replace(new RegExp(`^${BEGIN}\n[^]*?^${END}\n`, 'm'), '')
  return `${BEGIN}\n${address}\t${names.join(' ')}\n${END}\n${rest}`
}

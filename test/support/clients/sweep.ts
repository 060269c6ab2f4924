import { docker } from '../engine/index.ts'

/** Removes every container, volume and image whose name holds the tag. */
export async function sweep(host: string, tag: string): Promise<void> {
  const removeAll = async (list: readonly string[], remove: readonly string[]) => {
    const { stdout } = await docker(host, list)
    const names = stdout.split('\n').filter((name) => name.includes(tag))
    if (names.length > 0) await docker(host, [...remove, ...names])
  }
  await removeAll(['ps', '--all', '--format', '{{.Names}}'], ['rm', '--force', '--volumes'])
  await removeAll(['volume', 'ls', '--format', '{{.Name}}'], ['volume', 'rm', '--force'])
  await removeAll(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'], ['image', 'rm', '--force'])
}

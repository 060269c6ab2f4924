import { mustRun } from '../engine/run.ts'
import { fingerprint } from './fingerprint.ts'

/** A checksum of a folder: names, kinds, modes, links and contents, but neither dates nor owners. */
export async function fingerprintTree(folder: string): Promise<string> {
  const list = await mustRun('find', [folder, '-mindepth', '1', '-printf', '%P %y %m %l\\n'])
  const sums = await mustRun('find', [
    folder,
    '-type',
    'f',
    '-printf',
    '%P ',
    '-exec',
    'sha256sum',
    '--',
    '{}',
    ';',
  ])
  const lines = `${list}${sums}`.replaceAll(`${folder}/`, '').split('\n')
  return fingerprint(lines.sort().join('\n'))
}

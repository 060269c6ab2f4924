import { readdir, readFile, readlink } from 'node:fs/promises'

/** Every tar that works on the dataset's volumes, on whichever host, by its process id. */
export async function unpackingOf(dataset: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const program = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
      if (program !== 'tar\n') return false
      return (await readlink(`/proc/${pid}/cwd`).catch(() => '')).includes(dataset)
    }),
  )
  return pids.filter((_pid, at) => found[at]).map(Number)
}

/** Steps on a disk that last: each is done when it returns, whatever happens next. */
import { execFile } from 'node:child_process'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

export async function writeFileDurably(file: string, text: string): Promise<void> {
  const beside = `${file}.new`
  const written = await open(beside, 'w', 0o600)
  try {
    await written.writeFile(text)
    await written.sync()
  } finally {
    await written.close()
  }
  await rename(beside, file)
  await syncDirectory(dirname(file))
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Everything on the file system below `path`: `syncfs(2)`, which Node does not have. */
export async function syncFileSystem(path: string): Promise<void> {
  await promisify(execFile)('sync', ['--file-system', path])
}

/** Reading a file as text, with every way in which that fails as a problem. */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { failed, ok, type Result } from '../model/result.ts'
import { type ConfigProblem, type FileProblemCode, firstPosition } from './problem.ts'
import { formatSize } from './size.ts'

/** A hundred times the largest configuration we can imagine; a log or a disk image named by mistake is larger. */
export const FILE_LIMIT_BYTES = 1024 * 1024

/** What a file says, or the one problem that kept it from being read. */
export type FileText = Result<string, ConfigProblem>

export async function readText(file: string): Promise<FileText> {
  let handle: FileHandle | undefined
  try {
    // Opening a named pipe would otherwise wait for somebody to write into it.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const unfit = unfitness(file, await handle.stat())
    return unfit ?? decode(file, await readUpTo(handle, FILE_LIMIT_BYTES + 1))
  } catch (error) {
    return failed(fromSystem(file, error))
  } finally {
    await handle?.close()
  }
}

function unfitness(file: string, stats: Stats): FileText | undefined {
  if (stats.isDirectory()) return problem(file, 'file-directory', 'this is a directory, not a file')
  if (!stats.isFile())
    return problem(file, 'file-not-regular', 'this is a device, socket or pipe, not a file')
  return undefined
}

/** The size that the system tells may be wrong by now, or 0 for files that are made as they are read. */
async function readUpTo(handle: FileHandle, limitBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(limitBytes)
  let filled = 0
  while (filled < limitBytes) {
    const { bytesRead } = await handle.read(bytes, filled, limitBytes - filled, filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

function decode(file: string, bytes: Buffer): FileText {
  if (bytes.length > FILE_LIMIT_BYTES) {
    return problem(file, 'file-too-large', `the file is larger than ${formatSize(FILE_LIMIT_BYTES)}`)
  }
  const text = bytes.toString('utf8')
  // Decoding puts U+FFFD for what is no UTF-8, and that encodes back to other bytes.
  const again = Buffer.from(text)
  if (again.equals(bytes)) return ok(text)
  const bad = again.findIndex((byte, offset) => byte !== bytes[offset])
  const line = bytes.subarray(0, bad).filter((byte) => byte === 0x0a).length + 1
  return problem(file, 'file-not-utf8', `the file is not UTF-8: see byte ${bad + 1}, in line ${line}`)
}

function fromSystem(file: string, error: unknown): ConfigProblem {
  const code = error !== null && typeof error === 'object' && 'code' in error ? error.code : undefined
  switch (code) {
    case undefined:
      throw error
    case 'ENOENT':
    case 'ENOTDIR':
      return fileProblem(file, 'file-missing', 'there is no such file')
    case 'EISDIR':
      return fileProblem(file, 'file-directory', 'this is a directory, not a file')
    case 'EACCES':
    case 'EPERM':
      return fileProblem(file, 'file-forbidden', 'there is no permission to read this file')
    case 'ENXIO':
      return fileProblem(file, 'file-not-regular', 'this is a device, socket or pipe, not a file')
    default:
      return fileProblem(file, 'file-unreadable', `the file cannot be read: ${code}`)
  }
}

function problem(file: string, code: FileProblemCode, message: string): FileText {
  return failed(fileProblem(file, code, message))
}

function fileProblem(file: string, code: FileProblemCode, message: string): ConfigProblem {
  return { severity: 'error', code, message, ...firstPosition(file) }
}

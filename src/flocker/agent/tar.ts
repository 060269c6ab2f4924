/** GNU tar, which keeps owners, modes, times to the nanosecond, links, extended attributes, access control lists and holes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

/** Messages in English, and none of the caller's TAR_OPTIONS. */
const PLAIN = { PATH: process.env.PATH, LC_ALL: 'C' }

const KEEP_ALL = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls']

/** Blocks of 512 bytes in a record, which is what is read and written at a time: 256 KiB. Without it, 10 KiB. */
const RECORD = '--blocking-factor=512'

/**
 * Only this format has times to the nanosecond and any attribute. In the order of names, as the manifest is read: whoever
 * of the two comes second finds in memory what the other has read.
 */
const PACK = ['--create', '--format=posix', '--sparse', '--sort=name', RECORD, ...KEEP_ALL]

/** In the directory that is its current one, by which `leftover.ts` knows it. */
const UNPACK = [
  '--extract',
  '--same-owner',
  '--preserve-permissions',
  '--delay-directory-restore',
  RECORD,
  ...KEEP_ALL,
]

/** Packs the named entries of a directory, or all of it. */
export function packTar(
  directory: string,
  names: readonly string[] | undefined,
): ChildProcess & { stdout: Readable } {
  const what = names === undefined ? ['.'] : ['--no-recursion', '--null', '--files-from=-']
  const tar = spawn('tar', [...PACK, `--directory=${directory}`, ...what], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: PLAIN,
  })
  tar.stdin.on('error', () => {})
  tar.stdin.end(Buffer.from((names ?? []).map((name) => `${name}\0`).join(''), 'latin1'))
  return tar as ChildProcess & { stdout: Readable }
}

/**
 * Packs all of a directory straight into a connection, which is the program's from here on: no byte passes through this
 * process. It ends with the program; a receiver of half an archive notices when it compares.
 */
export function packTarInto(directory: string, connection: Socket): ChildProcess {
  const tar = spawn('tar', [...PACK, `--directory=${directory}`, '.'], {
    stdio: ['ignore', connection, 'ignore'],
    env: PLAIN,
  })
  connection.destroy()
  return tar
}

export interface Unpacking {
  /** What tar had to complain of; empty when it had nothing. */
  readonly ended: Promise<string>
  readonly stop: () => void
}

/** Reads an archive from its standard input. */
export function unpackTar(directory: string): Unpacking & { readonly input: Writable } {
  const tar = spawn('tar', UNPACK, {
    cwd: directory,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: PLAIN,
  })
  tar.stdin.on('error', () => {})
  return { ...unpacking(tar), input: tar.stdin }
}

/** Reads an archive straight from a connection, as `packTarInto` writes it. `bytes` asks the kernel how far it is. */
export function unpackTarFrom(
  connection: Socket,
  directory: string,
): Unpacking & { readonly bytes: () => Promise<number> } {
  const tar = spawn('tar', UNPACK, {
    cwd: directory,
    stdio: [connection, 'ignore', 'pipe'],
    env: PLAIN,
  })
  connection.destroy()
  const bytes = async () => {
    // Everything it has read: nearly all of that is the archive.
    const told = await readFile(`/proc/${tar.pid}/io`, 'utf8').catch(() => '')
    return Number(/^rchar: ([0-9]+)$/m.exec(told)?.[1] ?? 0)
  }
  return { ...unpacking(tar), bytes }
}

function unpacking(tar: ChildProcess): Unpacking {
  let said = ''
  tar.stderr?.on('data', (part: Buffer) => {
    // A full disk is told once for each file that finds no room.
    if (said.length < 2_000) said += part.toString()
  })
  const ended = once(tar, 'close').then(([code, signal]) =>
    code === 0 ? '' : said.trim() || `tar ended with ${code ?? signal}`,
  )
  return { ended, stop: () => tar.kill('SIGKILL') }
}

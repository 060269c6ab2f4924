/** GNU tar, which keeps owners, modes, times to the nanosecond, links, extended attributes, access control lists and holes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'

/** Messages in English, and none of the caller's TAR_OPTIONS. */
const PLAIN = { PATH: process.env.PATH, LC_ALL: 'C' }

const KEEP_ALL = ['--numeric-owner', '--xattrs', '--xattrs-include=*', '--acls']

/** Packs the named entries of a directory, or all of it. */
export function packTar(
  directory: string,
  names: readonly string[] | undefined,
): ChildProcess & { stdout: Readable } {
  const what = names === undefined ? ['.'] : ['--no-recursion', '--null', '--files-from=-']
  const tar = spawn(
    'tar',
    // Only this format has times to the nanosecond and any attribute.
    ['--create', '--format=posix', '--sparse', ...KEEP_ALL, `--directory=${directory}`, ...what],
    { stdio: ['pipe', 'pipe', 'ignore'], env: PLAIN },
  )
  tar.stdin.on('error', () => {})
  tar.stdin.end(Buffer.from((names ?? []).map((name) => `${name}\0`).join(''), 'latin1'))
  return tar as ChildProcess & { stdout: Readable }
}

export interface Unpacking {
  readonly input: Writable
  /** What tar had to complain of; empty when it had nothing. */
  readonly ended: Promise<string>
  readonly stop: () => void
}

export function unpackTar(directory: string): Unpacking {
  const tar = spawn(
    'tar',
    [
      '--extract',
      '--same-owner',
      '--preserve-permissions',
      '--delay-directory-restore',
      ...KEEP_ALL,
      `--directory=${directory}`,
    ],
    { stdio: ['pipe', 'ignore', 'pipe'], env: PLAIN },
  )
  let said = ''
  tar.stderr.on('data', (part: Buffer) => {
    // A full disk is told once for each file that finds no room.
    if (said.length < 2_000) said += part.toString()
  })
  tar.stdin.on('error', () => {})
  const ended = once(tar, 'close').then(([code, signal]) =>
    code === 0 ? '' : said.trim() || `tar ended with ${code ?? signal}`,
  )
  return { input: tar.stdin, ended, stop: () => tar.kill('SIGKILL') }
}

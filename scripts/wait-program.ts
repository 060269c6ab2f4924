/**
 * Writes adapters/weave/router/wait-program.ts out of wait.c. Wants gcc of the architecture that it is for:
 * `npx tsx scripts/wait-program.ts`.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SOURCE = 'adapters/weave/router/wait.c'
const FLAGS = [
  '-Os',
  '-static',
  '-nostdlib',
  '-ffreestanding',
  '-fno-builtin',
  '-fno-pie',
  '-no-pie',
  '-Wall',
  '-Werror',
]
const SMALL = ['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fcf-protection=none', '-s']
const LINK = ['--build-id=none', '-z,noseparate-code', '-z,norelro', '-z,noexecstack'].map(
  (flag) => `-Wl,${flag}`,
)

const folder = mkdtempSync(join(tmpdir(), 'wait-'))
const program = join(folder, 'w')
execFileSync('gcc', [...FLAGS, ...SMALL, ...LINK, '-o', program, SOURCE], { stdio: 'inherit' })
execFileSync('strip', ['--remove-section=.comment', '--remove-section=.note.gnu.property', program])
const base64 = readFileSync(program).toString('base64')
rmSync(folder, { recursive: true })

const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex')
const lines = base64.match(/.{1,100}/g) ?? []
writeFileSync(
  'adapters/weave/router/wait-program.ts',
  `/** wait.c, compiled. Written by scripts/wait-program.ts: change that, or wait.c, and not this. */

/** Of the source that this was made of. */
export const SOURCE_SHA256 = '${hash}'

/** By \`process.arch\`. */
export const WAIT_PROGRAMS: Readonly<Record<string, string>> = {
  ${process.arch}:
    // biome-ignore format: one line of the file for one line of the program
    [
${lines.map((line) => `      '${line}',`).join('\n')}
    ].join(''),
}
`,
)
console.log(`${Buffer.from(base64, 'base64').length} bytes for ${process.arch}`)

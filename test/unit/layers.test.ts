/**
 * Imports go downwards only, and folders of one level do not import each other (docs/architecture.md has the table).
 * Prints each arrow that points the wrong way, and where the code belongs instead.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

/** Level of each folder of `src/`, and of each file that stands alone there. */
const LEVELS: Readonly<Record<string, number>> = {
  model: 0,
  'version.ts': 0,
  gate: 0.5,
  wire: 1,
  http1: 1,
  stream: 1,
  route: 2,
  transport: 2,
  condition: 2.5,
  chain: 3,
  plane: 3,
  'exchange-end.ts': 3.5,
  'mutated-fields.ts': 3.1,
  'warn.ts': 3.1,
  'streamed.ts': 3.4,
  'hold.ts': 3.5,
  'onward.ts': 3.5,
  'respond.ts': 3.5,
  'readmit.ts': 3.5,
  'dry-run.ts': 3.5,
  'engine-loss.ts': 3.6,
  'take-body.ts': 3.6,
  'exchange.ts': 4,
  'aside.ts': 4.1,
  'refused-start.ts': 4.2,
  sdk: 4.5,
  flocker: 4.5,
  'connection.ts': 5,
  'instance.ts': 5,
  listen: 5,
  config: 5,
  telemetry: 5,
  testkit: 5.5,
  admin: 5.5,
  'built-ins.ts': 6,
  'hook-rules.ts': 6,
  'proxy.ts': 6.5,
  'readiness.ts': 6.5,
  'lookout.ts': 6.8,
  cli: 7,
  'index.ts': 7,
  'main.ts': 8,
}

/** Which library, or module of Node's, may be named where. What is not listed may be named anywhere. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  yaml: ['config'],
  commander: ['cli'],
  pino: ['telemetry', 'flocker'],
  undici: ['transport', 'flocker', 'cli'],
  fastify: ['sdk', 'flocker', 'admin'],
  'prom-client': ['telemetry'],
  rfc6902: ['telemetry'],
  'lossless-json': ['sdk'],
  '@marcbachmann/cel-js': ['condition'],
  'node:http': ['sdk', 'admin'],
  'node:https': [],
}

/** Pure: bytes and values in, values out. */
const WITHOUT_NODE = ['model', 'http1', 'wire', 'stream', 'route', 'gate', 'chain']

interface Arrow {
  readonly from: string
  readonly to: string
}

function arrowsOf(file: string, text: string): Arrow[] {
  const named = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"\n]*?(?:\{[^}]*\}[^'"\n]*?)?from '([^']+)'|\bimport(?:\(| )'([^']+)'/g,
  )
  return [...named].map((match) => ({ from: file, to: (match[1] ?? match[2])! }))
}

/** What is wrong with an import, if anything. Files are named from the root: `src/plane/link.ts`. */
function complaint({ from, to }: Arrow): string | undefined {
  if (!from.startsWith('src/')) {
    const own = `${from.split('/').slice(0, 2).join('/')}/`
    if (to.startsWith('.') && !posix.join(posix.dirname(from), to).startsWith(own))
      return `${from} imports ${to}: adapters and examples use 'powerstrip/sdk' and their own files only`
    return undefined
  }
  const home = homeOf(from)
  if (to.startsWith('.')) {
    const target = posix.join(posix.dirname(from), to)
    if (target.startsWith('adapters/') && home === 'built-ins.ts') return undefined
    const there = homeOf(target)
    const [here, below] = [LEVELS[home], LEVELS[there]]
    if (here === undefined || below === undefined)
      return `${from} imports ${target}: no level is known for ${here === undefined ? home : there}`
    if (home === there || below < here) return undefined
    return `${from} (level ${here}) imports ${target} (level ${below}): what they share belongs below level ${Math.min(here, below)}`
  }
  const allowed = LIBRARIES[to]
  if (allowed !== undefined && !allowed.includes(home))
    return `${from} imports ${to}: it stays in ${allowed.map((folder) => `src/${folder}`).join(', ') || 'no folder of src'}`
  if (to.startsWith('node:') && WITHOUT_NODE.includes(home))
    return `${from} imports ${to}: src/${home} is pure and imports nothing of Node's`
  return undefined
}

function homeOf(file: string): string {
  return file.split('/')[1] ?? file
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`)
}

test('every import points downwards, and libraries stay in their folders', () => {
  const files = [...sources('src'), ...sources('adapters'), ...sources('examples')]
  const arrows = files.flatMap((file) => arrowsOf(file, readFileSync(file, 'utf8')))
  expect(arrows.length).toBeGreaterThan(200)
  expect(arrows.map(complaint).filter((found) => found !== undefined)).toEqual([])
})

test.each([
  ['a folder above', 'src/http1/head.ts', "import { Link } from '../plane/link.ts'"],
  ['a folder of the same level', 'src/chain/pre.ts', "import type { Link } from '../plane/link.ts'"],
  ['a library outside its folder', 'src/plane/link.ts', "import { Pool } from 'undici'"],
  ['Node in a pure folder', 'src/wire/v1.ts', "import { Buffer } from 'node:buffer'"],
  [
    'sources from an adapter',
    'adapters/debug/adapter.ts',
    "import { admit } from '../../src/route/admit.ts'",
  ],
  [
    'another adapter from a folder of an adapter',
    'adapters/weave/router/plug.ts',
    "import { mask } from '../../debug/mask.ts'",
  ],
  ['for its effect alone', 'src/model/hook.ts', "import '../http1/head.ts'"],
  ['on demand', 'src/model/hook.ts', "const head = await import('../http1/head.ts')"],
  ['passed on', 'src/model/hook.ts', "export * from '../http1/head.ts'"],
  ['over several lines', 'src/model/hook.ts', "import {\n  type A,\n  b,\n} from '../http1/head.ts'"],
])('%s is found', (_what, file, text) => {
  expect(arrowsOf(file, text).map(complaint)).toEqual([expect.stringContaining(file)])
})

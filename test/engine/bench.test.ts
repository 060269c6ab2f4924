/** The benchmark itself is kept working here. What it measures decides nothing: tests share the machine. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { AnswerReader } from '../../bench/client/answer-reader.ts'
import { CONTENDERS } from '../../bench/contenders/all.ts'
import type { Report, ScenarioReport } from '../../bench/report.ts'
import { SCENARIOS } from '../../bench/scenarios/all.ts'
import { judge } from '../../bench/targets.ts'
import { run } from '../support/engine/run.ts'

/** The run takes half a minute when nothing else does anything. */
const RUN_LIMIT_MS = 300_000

/** `npm run bench`, without the build: the set-up of this suite has built already. */
function bench(...args: string[]) {
  // It starts an engine of its own, with a TCP port that a lent one does not have.
  const { POWERSTRIP_TEST_ENGINE: _, ...env } = process.env
  return run(process.execPath, [resolve('node_modules/tsx/dist/cli.mjs'), 'bench/main.ts', ...args], {
    env,
    timeoutMs: RUN_LIMIT_MS,
  })
}

describe('npm run bench -- --quick', () => {
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bench-'))
  })
  afterAll(() => rm(dir, { recursive: true, force: true }))

  test(
    'has a number for every figure of every contender',
    async () => {
      const json = join(dir, 'run.json')

      const ended = await bench('--quick', '--json', json)

      expect(ended).toMatchObject({ exitCode: 0 })
      const report = JSON.parse(await readFile(json, 'utf8')) as Report
      expect(report.contenders.map(({ id }) => id)).toEqual(['direct', ...CONTENDERS.map(({ id }) => id)])
      expect(report.scenarios.map(({ id }) => id)).toEqual(SCENARIOS.map(({ id }) => id))
      expect(missingFigures(report)).toEqual([])
      expect(report.verdicts).toHaveLength(9)

      const markdown = await bench('--from', json, '--markdown')
      expect(
        markdown.stdout.match(/^\| .*powerstrip +\| +HAProxy +\| +nginx +\| +http-proxy \|$/gm),
      ).toHaveLength(SCENARIOS.length)
    },
    RUN_LIMIT_MS,
  )
})

/** Names of what is absent, or is no number in one of its rounds. */
function missingFigures({ scenarios, contenders }: Report): string[] {
  return scenarios.flatMap((scenario) =>
    scenario.figures.flatMap((figure) =>
      contenders
        .filter(({ id }) => figure.of === 'all' || id !== 'direct')
        .filter(({ id }) => {
          const { value, rounds } = figure.values[id] ?? { value: undefined, rounds: [] }
          return rounds.length === 0 || ![value, ...rounds].every(Number.isFinite)
        })
        .map(({ id }) => `${scenario.id} ${figure.id} ${id}`),
    ),
  )
}

describe('a target', () => {
  const ping = (powerstrip: number, haproxy: number): ScenarioReport[] => {
    const scenario = SCENARIOS.find(({ id }) => id === 'ping')!
    const figure = scenario.figures.find(({ id }) => id === 'requests-per-second')!
    const values = {
      powerstrip: { value: powerstrip, rounds: [powerstrip] },
      haproxy: { value: haproxy, rounds: [haproxy] },
    }
    return [{ id: 'ping', title: '', figures: [{ ...figure, values }], failures: {} }]
  }

  test('is met where the limit is reached', () => {
    expect(judge(ping(850, 1000))).toMatchObject([{ limit: 850, value: 850, met: true }])
  })

  test('is missed just below', () => {
    expect(judge(ping(849, 1000))).toMatchObject([{ limit: 850, value: 849, met: false }])
  })
})

describe("the benchmark's client", () => {
  const read = (text: string, step: number): AnswerReader => {
    const answer = new AnswerReader()
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += step) answer.push(bytes.subarray(at, at + step))
    return answer
  }
  const CHUNKED =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n, and again\r\n0\r\n\r\n'

  test.each([1, 2, 7, 1000])('counts a chunked body that comes %d bytes at a time', (step) => {
    expect(read(CHUNKED, step)).toMatchObject({ status: 200, bodyBytes: 16, complete: true })
  })

  test('does not take a cut-off body for a whole one', () => {
    const answer = read(CHUNKED.slice(0, -2), 1000)
    expect(answer.end()).toBe(false)
  })

  test('refuses bytes behind the end', () => {
    expect(() => read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK!', 1000)).toThrow(
      'goes on after its end',
    )
  })
})

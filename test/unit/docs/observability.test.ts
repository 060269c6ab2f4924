/** docs/observability.md says what there is: its configuration, its line, its metrics and its tap. */
import { readFileSync } from 'node:fs'
import { tapText } from '../../../src/cli/tap-text.ts'
import { parseConfig } from '../../../src/config/parse.ts'
import { type Decision, decisionOf } from '../../../src/telemetry/decision.ts'
import { Mask } from '../../../src/telemetry/mask.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { chain, changed, hook, report } from '../telemetry/report.ts'

const PAGE = readFileSync('docs/observability.md', 'utf8')

function blocks(language: string, page = PAGE): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!)
}

test.each([...blocks('yaml'), ...blocks('yaml', readFileSync('README.md', 'utf8'))])(
  'configuration %# is good',
  (text) => {
    const parsed = parseConfig(text, 'adapters.yml', { builtIns: ['debug'] })
    expect(parsed.ok ? [] : parsed.failure).toEqual([])
  },
)

test('the line has the fields that a line has', () => {
  const [json] = blocks('json')
  const shown = JSON.parse(json!) as Decision
  const made = decisionOf(
    report({
      status: 403,
      fate: 'denied',
      detail: 'no',
      chain: chain({
        engineStatus: undefined,
        hooks: [
          hook({ outcome: 'replace', change: changed('{"Env":["A=1"]}', '{"Env":["A=2"],"Labels":{}}') }),
          hook({ phase: 'validate', outcome: 'deny', detail: 'no' }),
        ],
        unwound: [{ adapter: 'labels', uid: '01CALL', result: 'done', durationMs: 1 }],
      }),
    }),
    new Mask(),
  )
  const keys = (value: object) => Object.keys(value).sort()
  expect(keys(shown)).toEqual(keys(made))
  expect(keys(shown.request)).toEqual(keys(made.request))
  expect(keys(shown.hooks[0]!)).toEqual(keys(made.hooks[0]!))
  expect(keys(shown.hooks[1]!)).toEqual(keys(made.hooks[1]!))
  expect(keys(shown.unwound[0]!)).toEqual(keys(made.unwound[0]!))
})

test('the metrics are those that are served', async () => {
  const metrics = new Metrics(() => ({
    version: '1',
    revision: undefined,
    listeners: [],
    adapters: [],
    taps: 0,
  }))
  const { text } = await metrics.page()
  const served = [...text.matchAll(/^# TYPE (powerstrip_\w+) /gm)].map((match) => match[1])
  const rows = PAGE.split('\n').filter((line) => line.startsWith('| `powerstrip_'))
  const told = rows.flatMap((row) =>
    [...row.split(' | ')[0]!.matchAll(/`(powerstrip_\w+)`/g)].map((match) => match[1]),
  )
  expect(told.sort()).toEqual(served.sort())
})

describe('a tap', () => {
  const decision: Decision = {
    ...decisionOf(
      report({
        durationMs: 12.345,
        chain: chain({
          hooks: [
            hook({
              outcome: 'replace',
              durationMs: 0.412,
              change: changed(
                '{"Image":"busybox","Labels":{}}',
                '{"Image":"busybox:1","Labels":{"owner":"platform"}}',
              ),
            }),
          ],
        }),
      }),
      new Mask(),
    ),
    time: '2026-11-27T09:30:00.123Z',
  }

  test('shows what the page shows', () => {
    const shown = blocks('text').at(-1)!
    const lines = (text: string) => text.trimEnd().split('\n')
    expect(lines(tapText(decision, false)).sort()).toEqual(lines(shown).sort())
  })

  test('colours by what was done, and obeys nothing that comes from outside', () => {
    const text = tapText({ ...decision, detail: 'a\u001b[2Jb\u202e', hooks: [] }, true)
    expect(text).toContain('\u001b[32m201 changed\u001b[0m')
    expect(text).toContain('a\uFFFD[2Jb\uFFFD')
    expect(tapText({ missed: 7 }, false)).toBe(
      '7 exchanges were not shown: this tap reads more slowly than they end\n',
    )
  })
})

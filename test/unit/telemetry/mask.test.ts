/** No secret gets into a line of the decision log, wherever it stands and whoever repeats it. */
import fc from 'fast-check'
import { printJson } from '../../../src/sdk/json.ts'
import { decisionOf } from '../../../src/telemetry/decision.ts'
import { Mask, SHORTEST_KNOWN_AGAIN } from '../../../src/telemetry/mask.ts'
import { answerChanged, chain, changed, hook, report, request, response } from './report.ts'

function lineOf(...told: Parameters<typeof report>): string {
  return printJson(decisionOf(report(...told), new Mask()))
}

describe('secrets stand masked where Docker has them', () => {
  const body = (operation: string, before: unknown, after: unknown) =>
    decisionOf(
      report({
        operation,
        chain: chain({ hooks: [hook({ change: changed(JSON.stringify(before), JSON.stringify(after)) })] }),
      }),
      new Mask(),
    ).hooks[0]!.changed?.patch

  test('a variable that is changed shows its name', () => {
    expect(body('ContainerCreate', { Env: ['A=1', 'B=two'] }, { Env: ['A=1', 'B=three'] })).toEqual([
      { op: 'replace', path: '/Env/1', value: 'B=***', was: 'B=***' },
    ])
  })

  test.each<[string, unknown, unknown]>([
    ['SecretCreate', { Data: 'aGVsbG8=' }, { Data: 'd29ybGQ=' }],
    ['ConfigUpdate', { Data: 'aGVsbG8=' }, { Data: 'd29ybGQ=' }],
    ['SwarmJoin', { JoinToken: 'SWMTKN-1-a' }, { JoinToken: 'SWMTKN-1-b' }],
    ['SwarmUnlock', { UnlockKey: 'SWMKEY-1-a' }, { UnlockKey: 'SWMKEY-1-b' }],
    [
      'SwarmInit',
      { Spec: { CAConfig: { SigningCAKey: 'a' } } },
      { Spec: { CAConfig: { SigningCAKey: 'b' } } },
    ],
    ['PluginSet', ['DEBUG=hunter2'], ['DEBUG=hunter3']],
    [
      'ServiceCreate',
      { TaskTemplate: { ContainerSpec: { Env: ['A=b'] } } },
      { TaskTemplate: { ContainerSpec: { Env: ['A=c'] } } },
    ],
    ['unknown', { env: { A: 'b' } }, { env: { A: 'c' } }],
    [
      'VolumeCreate',
      { DriverOpts: { o: 'username=u,password=one' } },
      { DriverOpts: { o: 'username=u,password=two' } },
    ],
    [
      'ContainerCreate',
      { HostConfig: { LogConfig: { Config: { 'splunk-token': 'a' } } } },
      { HostConfig: { LogConfig: { Config: { 'splunk-token': 'b' } } } },
    ],
  ])('%s: that it was changed is told, and neither value', (operation, before, after) => {
    const [step, ...more] = body(operation, before, after)!
    expect(more).toEqual([])
    expect(step!.op).toBe('replace')
    for (const value of [step!.value, step!.was])
      expect(value).toMatch(/^(?:[A-Z]+=|username=u,password=)?\*\*\*$/)
  })

  test('the body of a login is all secret', () => {
    expect(body('SystemAuth', { username: 'u', password: 'p' }, { username: 'u', password: 'q' })).toEqual([
      { op: 'replace', path: '', value: '***', was: '***' },
    ])
  })

  test('further names are those of the configuration, in whatever case', () => {
    const decision = decisionOf(
      report({
        target: '/v1.45/containers/create?name=web&hostname=secret',
        chain: chain({
          hooks: [
            hook({
              metadata: '{"Lease":"l-1","owner":"me"}',
              change: changed('{"Labels":{"a":"1"}}', '{"Labels":{"a":"2"}}'),
            }),
          ],
        }),
      }),
      new Mask(['labels', 'LEASE', 'hostname']),
    )
    expect(decision.request.path).toBe('/v1.45/containers/create?name=web&hostname=***')
    expect(decision.hooks[0]).toMatchObject({
      metadata: { Lease: '***', owner: 'me' },
      changed: { patch: [{ op: 'replace', path: '/Labels', value: '***', was: '***' }] },
    })
  })

  test.each([
    ['/v1.45/build?t=x&buildargs=%7B%22P%22%3A%22hunter2%22%7D', '/v1.45/build?t=x&buildargs=***'],
    ['/v1.45/build?%62uildargs={}', '/v1.45/build?%62uildargs=***'],
    [
      '/v1.45/build?remote=https%3A%2F%2Fme%3Ahunter2%40git.example%2Fx',
      '/v1.45/build?remote=https%3A%2F%2Fme%3A***%40git.example%2Fx',
    ],
    ['/v1.45/commit?changes=ENV%20P%3Dhunter2', '/v1.45/commit?changes=ENV+***'],
    ['/v1.45/info', '/v1.45/info'],
    [
      '/v1.45/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%22%5D%7D',
      '/v1.45/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%22%5D%7D',
    ],
  ])('the target %s', (target, masked) => {
    expect(decisionOf(report({ target }), new Mask()).request.path).toBe(masked)
  })
})

describe('words that repeat a secret', () => {
  const original = request(
    JSON.stringify({ Image: 'busybox', Env: ['PASSWORD=hunter2-and-more', 'SHORT=abc'] }),
  )

  test.each([
    ['as it stands', 'the image wants hunter2-and-more', 'the image wants ***'],
    [
      'in JSON',
      'cannot read {"Env":["PASSWORD=other"],"Image":"x"} (1)',
      'cannot read {"Env":["PASSWORD=***"],"Image":"x"} (1)',
    ],
    [
      'in a URL',
      'cannot reach https://me:other@registry.example/',
      'cannot reach https://me:***@registry.example/',
    ],
    ['as an option', 'mount failed: username=me,password=other', 'mount failed: username=me,password=***'],
    ['and none', 'abc is a name', 'abc is a name'],
  ])('%s', (_how, detail, masked) => {
    const told = decisionOf(
      report({
        detail,
        chain: chain({
          original,
          hooks: [
            hook({
              outcome: 'deny',
              detail,
              warnings: [detail],
              annotations: { why: detail },
              metadata: JSON.stringify({ detail }),
            }),
          ],
        }),
      }),
      new Mask(),
    )
    expect(told.detail).toBe(masked)
    expect(told.hooks[0]).toMatchObject({
      detail: masked,
      warnings: [masked],
      annotations: { why: masked },
      metadata: { detail: masked },
    })
  })

  test('an adapter that puts a secret into another field', () => {
    const after = JSON.stringify({ Image: 'busybox', Cmd: ['-p', 'hunter2-and-more'], Env: [] })
    const line = lineOf({
      chain: chain({ original, hooks: [hook({ change: changed(original.body!, after) })] }),
    })
    expect(line).not.toContain('hunter2')
    expect(JSON.parse(line).hooks[0].changed.patch).toContainEqual({
      op: 'add',
      path: '/Cmd',
      value: ['-p', '***'],
    })
  })
})

test('a haystack that is too large to be searched is not written', () => {
  const variables = Array.from({ length: 3_000 }, (_, n) => `V${n}=some value number ${n}`)
  const original = request(JSON.stringify({ Env: variables }))
  const detail = 'x'.repeat(10_000)
  const { hooks } = decisionOf(report({ chain: chain({ original, hooks: [hook({ detail })] }) }), new Mask())
  expect(hooks[0]!.detail).toBe('***')
})

// Random in every run, so that no fixed text can be what is masked.
const secret = fc
  .string({ minLength: SHORTEST_KNOWN_AGAIN, maxLength: 24, unit: 'binary' })
  .map((text) => `§${text}§`)
  .filter((text) => text.isWellFormed?.() ?? true)

interface Place {
  readonly operation: string
  readonly side: 'request' | 'answer'
  readonly body: (secret: string, other: string) => unknown
}

const PLACES: readonly Place[] = [
  {
    operation: 'ContainerCreate',
    side: 'request',
    body: (one, two) => ({ Image: 'x', Env: [`A=${one}`, `B=${two}`] }),
  },
  { operation: 'ContainerExec', side: 'request', body: (one) => ({ Cmd: ['sh'], Env: [`A=${one}`] }) },
  {
    operation: 'ServiceUpdate',
    side: 'request',
    body: (one) => ({ TaskTemplate: { ContainerSpec: { Env: [`A=${one}`] } } }),
  },
  { operation: 'ContainerInspect', side: 'answer', body: (one) => ({ Config: { Env: [`A=${one}`] } }) },
  {
    operation: 'ContainerList',
    side: 'answer',
    body: (one, two) => [{ Labels: {}, env: { A: one, B: two } }],
  },
  { operation: 'SecretCreate', side: 'request', body: (one) => ({ Name: 's', Data: one }) },
  { operation: 'ConfigInspect', side: 'answer', body: (one) => ({ ID: 'c', Spec: { Data: one } }) },
  {
    operation: 'ConfigList',
    side: 'answer',
    body: (one, two) => [
      { ID: 'c', Spec: { Data: one } },
      { ID: 'd', Spec: { Data: two } },
    ],
  },
  {
    operation: 'SwarmInspect',
    side: 'answer',
    body: (one, two) => ({ JoinTokens: { Worker: one, Manager: two } }),
  },
  { operation: 'SwarmJoin', side: 'request', body: (one) => ({ JoinToken: one }) },
  { operation: 'SwarmUnlockkey', side: 'answer', body: (one) => ({ UnlockKey: one }) },
  { operation: 'SystemAuth', side: 'request', body: (one, two) => ({ username: one, password: two }) },
  { operation: 'SystemAuth', side: 'answer', body: (one) => ({ Status: 'ok', IdentityToken: one }) },
  { operation: 'ImagePush', side: 'request', body: (one) => ({ auth: one }) },
  {
    operation: 'unknown',
    side: 'request',
    body: (one, two) => ({ deep: [{ er: { Password: one, 'api-key': two } }] }),
  },
]

/** Everything that an adapter could do with what it was shown. */
const CARELESS: readonly ((text: string, secret: string) => string)[] = [
  (text) => text,
  (_text, one) => `it says ${one}, no less`,
  (text) => `cannot read ${text}: no`,
  (_text, one) => JSON.stringify({ seen: one }),
  (_text, one) => `GET /x?y=${encodeURIComponent(one)}`,
]

test('no secret of a body is in any line, whatever adapters do with it', () => {
  let lines = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...PLACES),
      secret,
      secret,
      secret,
      fc.constantFrom(...CARELESS),
      fc.constantFrom('deny', 'failed', 'replace'),
      ({ operation, side, body }, one, two, three, careless, outcome) => {
        const withBoth = (first: string, second: string): unknown => {
          const own = body(first, second)
          return Array.isArray(own) ? own : { ...Object(own), Second: { Env: [`SECOND=${second}`] } }
        }
        const before = JSON.stringify(withBoth(one, two))
        const then = withBoth(three, two)
        const copies = { Copied: [one], Labels: { [two.slice(0, 2)]: `${one}${two}` } }
        const after = JSON.stringify(Array.isArray(then) ? [...then, copies] : { ...Object(then), ...copies })
        const said = careless(before, one)
        const line = lineOf({
          operation,
          detail: said,
          chain: chain({
            ...(side === 'request' ? { original: request(before) } : { response: response(before) }),
            hooks: [
              hook({
                outcome,
                detail: said,
                warnings: [said],
                annotations: { said },
                metadata: JSON.stringify({ said, one: [two] }),
              }),
              hook({
                outcome: 'replace',
                change: side === 'request' ? changed(before, after) : answerChanged(before, after),
              }),
            ],
          }),
        })
        // What stands in the line's own texts.
        const text = printJson(JSON.parse(line))
        for (const each of [one, two, three])
          for (const form of [each, JSON.stringify(each).slice(1, -1), encodeURIComponent(each)])
            expect(text.includes(form)).toBe(false)
        lines++
      },
    ),
    { numRuns: 500 },
  )
  expect(lines).toBeGreaterThanOrEqual(500)
})

import { identify, type Route } from '../../../src/route/identity.ts'
import { compilePattern, subjectOf } from '../../../src/route/pattern.ts'
import { EMPTY_PLAN, matchingRules, planFor, type Rule } from '../../../src/route/plan.ts'

function rule(text: string, pre: readonly string[], post: readonly string[], line: number): Rule<string> {
  const pattern = compilePattern(text)
  if (!pattern.ok) throw new Error(pattern.failure.message)
  return { pattern: pattern.value, pre, validate: [], post, observe: [], stream: [], line }
}

function routeOf(method: string, target: string): Route {
  const route = identify(method, target)
  if (!route.ok) throw new Error(route.failure.message)
  return route.value
}

const create = routeOf('POST', '/v1.41/containers/create')

const RULES = [
  rule('POST /*/containers/create', ['flocker', 'weave'], ['log'], 3),
  rule('GET /*', ['never'], [], 4),
  rule('* *', ['log', 'flocker'], ['weave'], 6),
]

describe('M7: all endpoints that match', () => {
  test('add their hooks in file order, in both phases alike, without dropping repeats (O5)', () => {
    expect(planFor(RULES, create, 'POST')).toEqual({
      rules: [RULES[0], RULES[2]],
      pre: ['flocker', 'weave', 'log', 'flocker'],
      post: ['log', 'weave'],
      validate: [],
      observe: [],
      stream: [],
    })
  })

  test('are asked by method too', () => {
    expect(planFor(RULES, create, 'GET').pre).toEqual(['never', 'log', 'flocker'])
  })

  test('are also found for a request without a version', () => {
    expect(planFor(RULES, routeOf('POST', '/containers/%63reate'), 'POST').rules).toHaveLength(2)
  })
})

describe('a plan', () => {
  test('without hooks is the one empty plan: no rules, no match, or none with a hook', () => {
    expect(planFor([], create, 'POST')).toBe(EMPTY_PLAN)
    expect(planFor([rule('GET /info', ['a'], [], 1)], create, 'POST')).toBe(EMPTY_PLAN)
    expect(planFor([rule('* *', [], [], 1)], create, 'POST')).toBe(EMPTY_PLAN)
  })

  test('with hooks is another, even if they are in one phase only', () => {
    expect(planFor([rule('* *', [], ['a'], 1)], create, 'POST')).toMatchObject({ pre: [], post: ['a'] })
  })

  test('cannot be changed', () => {
    for (const plan of [planFor(RULES, create, 'POST'), EMPTY_PLAN]) {
      expect(() => Object.assign(plan, { pre: [] })).toThrow(TypeError)
      for (const list of [plan.rules, plan.pre, plan.post])
        expect(() => (list as unknown[]).push('late')).toThrow(TypeError)
    }
  })
})

test('explaining names rules without hooks as well', () => {
  const idle = rule('POST *', [], [], 9)
  expect(matchingRules([...RULES, idle], subjectOf('POST', create)).map(({ line }) => line)).toEqual([
    3, 6, 9,
  ])
})

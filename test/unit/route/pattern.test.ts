import { identify } from '../../../src/route/identity.ts'
import { compilePattern, type Pattern, subjectOf } from '../../../src/route/pattern.ts'

function pattern(text: string): Pattern {
  const compiled = compilePattern(text)
  if (!compiled.ok) throw new Error(`${text}: ${compiled.failure.message}`)
  return compiled.value
}

/** Whether the pattern is for this request, which the proxy would let through. */
function matches(text: string, method: string, target: string): boolean {
  const route = identify(method, target, { minApiVersion: '0.0' })
  if (!route.ok) throw new Error(`${target}: ${route.failure.rule}`)
  return pattern(text).matches(subjectOf(method, route.value))
}

describe('M1: what is matched', () => {
  test('is method, space and path, without the query', () => {
    expect(matches('POST /v1.16/containers/create', 'POST', '/v1.16/containers/create?name=a')).toBe(true)
    expect(matches('POST /v1.16/containers/create', 'GET', '/v1.16/containers/create')).toBe(false)
    expect(matches('POST /v1.16/containers/create*name*', 'POST', '/v1.16/containers/create?name=a')).toBe(
      false,
    )
  })
})

describe('M2: wildcards', () => {
  test('are anchored at both ends and case-sensitive', () => {
    expect(matches('POST /containers', 'POST', '/containers/create')).toBe(false)
    expect(matches('GET /info', 'GET', '/Info')).toBe(false)
  })

  test('* crosses slashes and spaces (O7), and * * is everything (O8)', () => {
    expect(matches('POST /v1.16/*/start', 'POST', '/v1.16/containers/a/b%20c/start')).toBe(true)
    for (const target of ['/_ping', '/v1.16/containers/a/json?x=1', '/', '/images/r.io/a%20b/json'])
      for (const method of ['GET', 'POST', 'DELETE']) expect(matches('* *', method, target)).toBe(true)
  })

  test.each(['POST /v[12]*/info', 'POST /v1.1?/info', 'POST /v[!2].16/info'])(
    '%s is for v1.16 (O10)',
    (text) => {
      expect(matches(text, 'POST', '/v1.16/info')).toBe(true)
    },
  )

  test('braces mean nothing (O10)', () => {
    expect(matches('POST /v1.{14,16}/info', 'POST', '/v1.16/info')).toBe(false)
  })

  test('* /v*/images/*/json is for each image (C13)', () => {
    const text = '* /v*/images/*/json'
    expect(matches(text, 'GET', '/v1.16/images/a/b/json')).toBe(true)
    expect(matches(text, 'GET', '/images/a/json')).toBe(true)
    expect(matches(text, 'GET', '/v1.16/images/json')).toBe(false)
  })
})

describe('M3: escapes', () => {
  test('do not hide a request (O11)', () => {
    expect(matches('POST /*/containers/create', 'POST', '/v1.16/containers/%63reate')).toBe(true)
    expect(matches('POST /v1.16/containers/create', 'POST', '/%761.16%2Fcontainers/create')).toBe(true)
  })

  test('in the pattern match the escapes of the request', () => {
    expect(matches('GET /images/r.io%2Fa/json', 'GET', '/images/r.io%2Fa/json')).toBe(true)
    expect(matches('GET /images/r.io/a/json', 'GET', '/images/r.io%2Fa/json')).toBe(true)
    expect(matches('GET /images/r.io%2Fa/json', 'GET', '/images/r.io/a/json')).toBe(false)
  })

  test('are undone once', () => {
    expect(matches('GET /containers/A/json', 'GET', '/containers/%2541/json')).toBe(false)
  })
})

describe('M4: requests without a version', () => {
  test.each([
    '/*/',
    '/v1.16/',
    '/v*/',
    '/v[12]/',
    '/v[12]*/',
    '/v1.1?/',
    '/v[!2].16/',
    '/v1.*/',
    '/?1.16/',
    '/**/',
    '/*1.16/',
    '/[v]1.4[0-9]/',
  ])('are for a pattern that starts with %s (O6)', (start) => {
    expect(matches(`POST ${start}containers/create`, 'POST', '/containers/create')).toBe(true)
    expect(matches(`POST ${start}containers/create`, 'POST', '/containers%2F%63reate')).toBe(true)
    expect(matches(`* ${start}containers/create`, 'POST', '/containers/create')).toBe(true)
    expect(matches(`*${start}containers/create`, 'POST', '/containers/create')).toBe(true)
  })

  test('are not for a pattern whose first segment is a word', () => {
    expect(matches('GET /volumes/*', 'GET', '/info')).toBe(false)
    expect(matches('GET /volumes/*', 'GET', '/volumes/a')).toBe(true)
    expect(matches('GET /versions/info', 'GET', '/info')).toBe(false)
  })

  test('are all there is to it: one with a version needs its own segment', () => {
    expect(matches('POST /v1.16/containers/create', 'POST', '/v1.17/containers/create')).toBe(false)
    expect(matches('GET /v1.16/v1.17/info', 'GET', '/v1.17/info')).toBe(false)
  })
})

describe('M5: the version of a pattern', () => {
  test.each([
    ['POST /v1.16/containers/create', '1.16'],
    ['*/v1.16/containers/create', '1.16'],
    ['POST /v1/containers/create', '1'],
    ['POST /v*/containers/create', undefined],
    ['POST /v1.1?/containers/create', undefined],
    ['POST /v[1].16/containers/create', undefined],
    ['POST /*/containers/create', undefined],
    ['GET /volumes/v1.16/', undefined],
    ['GET /v1.16', undefined],
    ['* *', undefined],
  ])('%s: %s', (text, version) => {
    expect(pattern(text).fixedVersion).toBe(version)
  })
})

describe('M6: patterns that can match no request', () => {
  test.each([
    ['/*/containers/create', 'no-method', 'POST /*/containers/create'],
    ['/v1.16/containers/*/json', 'no-method', 'GET /v1.16/containers/*/json'],
    ['/containers/*', 'no-method', '* /containers/*'],
    [' POST /info', 'no-method', 'GET /info'],
    ['', 'no-method', 'POST /*/containers/create'],
    ['ContainerKill', 'no-method', 'POST /*/containers/*/kill'],
    ['containerkill', 'no-method', 'POST /*/containers/*/kill'],
    ['POST', 'no-method', 'POST /*/containers/create'],
    ['post /*/containers/create', 'lower-case-method', 'POST /*/containers/create'],
    ['Post /*/containers/create', 'lower-case-method', 'POST /*/containers/create'],
    ['p* containers/create', 'lower-case-method', 'P* /containers/create'],
    ['PATCH /*/containers/create', 'unknown-method', 'POST /*/containers/create'],
    ['FETCH /unheard/of', 'unknown-method', '* /unheard/of'],
    ['[!A-Z]* /info', 'unknown-method', 'GET /info'],
    ['POST containers/create', 'no-leading-slash', 'POST /containers/create'],
    ['POST  /containers/create', 'no-leading-slash', 'POST /containers/create'],
    ['GET ', 'no-leading-slash', 'GET /'],
  ])('%j: %s (O9)', (text, kind, example) => {
    const compiled = compilePattern(text)
    expect(compiled).toMatchObject({ ok: false, failure: { kind, example } })
    expect(compilePattern(example).ok).toBe(true)
  })

  test.each([
    '*',
    '* *',
    '*/containers/create',
    '**',
    'P* /info',
    '[GP]* /info',
    '???? *',
    'GET ?info',
    'GET *info',
  ])('%s can', (text) => {
    expect(pattern(text).text).toBe(text)
  })

  test('without a space are legal behind a star, which takes the method', () => {
    expect(matches('*', 'DELETE', '/containers/a')).toBe(true)
    expect(matches('*/containers/create', 'POST', '/v1.41/containers/create')).toBe(true)
    expect(matches('*/containers/create', 'POST', '/containers/create')).toBe(true)
    expect(matches('*create', 'POST', '/containers/create')).toBe(true)
    expect(matches('*/containers/create', 'POST', '/containers/created')).toBe(false)
  })
})

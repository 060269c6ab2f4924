/** Each rule of the gate by its id, with variants of its example. */
import { BODIES } from '../../../src/gate/bodies.ts'
import { fold } from '../../../src/gate/fold.ts'
import { judgeJson, MAX_DEPTH, readJson } from '../../../src/gate/json.ts'
import { jsonTypeProblem } from '../../../src/gate/media.ts'
import { bodyMode, judgeBody } from '../../../src/gate/request-body.ts'
import { bodyShape, type Shape } from '../../../src/gate/shape.ts'
import { readJson as wireJson } from '../../../src/wire/json.ts'
import { respelled } from './documents.ts'

const CREATE = 'ContainerCreate'

/** The text that hooks see, or the rule that refuses it. */
function judged(text: string, operation = CREATE): string {
  const result = judgeBody(text, operation)
  return result.ok ? result.value : result.failure.rule
}

/** Every key that the engine knows in any body, with the keys that lead to it and the way they nest. */
function* knownKeys(
  shape: Shape,
  wrap: (inner: string) => string = (inner) => inner,
): Generator<{ key: string; wrap: (inner: string) => string; texts: boolean }> {
  switch (shape.kind) {
    case 'struct':
      for (const field of shape.fields.values()) {
        yield { key: field.name, wrap, texts: field.shape.kind === 'texts' }
        yield* knownKeys(field.shape, (inner) => wrap(`{"${field.name}":${inner}}`))
      }
      break
    case 'list':
      yield* knownKeys(shape.items, (inner) => wrap(`[${inner}]`))
      break
    case 'map':
      yield* knownKeys(shape.values, (inner) => wrap(`{"a":${inner}}`))
      break
  }
}

const ALL_KEYS = Object.keys(BODIES).flatMap((operation) =>
  [...knownKeys(bodyShape(operation).shape)].map((known) => ({ operation, ...known })),
)

test('the table has the bodies of Docker’s API', () => {
  expect(ALL_KEYS.length).toBeGreaterThan(900)
})

test('PS-JSON-001: every known key in other letters becomes the engine’s', () => {
  // A create's astray fields move as well; they have a test of their own.
  const topOfCreate = new Set(
    [...knownKeys(bodyShape(CREATE).shape)].filter(({ wrap }) => wrap('') === '').map(({ key }) => key),
  )
  for (const { operation, key, wrap } of ALL_KEYS) {
    if (operation === CREATE && wrap('') === '' && topOfCreate.has(key)) continue
    const wanted = wrap(`{"${key}":null}`)
    if (operation === CREATE && /^\{"(?!HostConfig|NetworkingConfig|Healthcheck)/.test(wanted)) continue
    for (const kind of [0, 1, 2, 3]) {
      const odd = respelled(key, (below) => Math.min(kind, below - 1))
      expect([operation, judged(wrap(`{${JSON.stringify(odd)}:null}`), operation)]).toEqual([
        operation,
        wanted,
      ])
    }
    const escaped = Array.from(key, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    expect(judged(wrap(`{"${escaped}":null}`), operation)).toBe(wanted)
  }
})

test('PS-JSON-002: every known key with another spelling of itself is refused', () => {
  for (const { operation, key, wrap } of ALL_KEYS)
    for (const kind of [0, 1, 2, 3]) {
      const odd = respelled(key, (below) => Math.min(kind, below - 1))
      expect(judged(wrap(`{"${key}":null,"x":1,${JSON.stringify(odd)}:null}`), operation)).toBe('PS-JSON-002')
    }
})

test.each([
  ['Labels', '{"Labels":{"a":"1","A":"2"}}'],
  ['Sysctls', '{"HostConfig":{"Sysctls":{"net.a":"1","net.A":"2"}}}'],
  ['PortBindings', '{"HostConfig":{"PortBindings":{"80/tcp":[],"80/TCP":[]}}}'],
  [
    'driver options',
    '{"HostConfig":{"Mounts":[{"VolumeOptions":{"DriverConfig":{"Options":{"o":"","O":""}}}}]}}',
  ],
  ['networks', '{"NetworkingConfig":{"EndpointsConfig":{"Net":{},"net":{}}}}'],
  ['keys that fold in full only', '{"x":{"stra\u00dfe":1,"STRASSE":2}}'],
])('PS-JSON-002: in %s case is data, and equal keys are refused', (_map, text) => {
  expect(judged(text)).toBe(text)
  const [, key] = /\{"([^"]+)":[^:]*?,"[^"]+":[^,]*?\}+\]*\}*$/.exec(text)!
  const twice = text.replace(/,"[^"]+"(?=:[^,]*$)/, `,"${key}"`)
  expect([twice !== text, judged(twice)]).toEqual([true, 'PS-JSON-002'])
})

test.each([
  ['unknown objects', '{"x":{"a":1,"A":2}}'],
  ['more than a few keys', `{"x":{${Array.from({ length: 40 }, (_, n) => `"k${n}":1`)},"K39":2}}`],
  ['Greek', '{"x":{"\u03c3":1,"\u03c2":2}}'],
])('PS-JSON-002: in %s, keys that fold alike are refused', (_where, text) => {
  expect(judged(text)).toBe('PS-JSON-002')
  expect(judged(text, 'unknown')).toBe('PS-JSON-002')
})

test.each([
  ['{}}'],
  ['{}{}'],
  ['{} x'],
  ['{},'],
  ['{}\0'],
  ['{}\u00a0'],
  [''],
  [' '],
  ['{'],
  ['{"a"'],
  ['{"a":'],
  ['{"a":1'],
  ['{"a":1,}'],
  ['[1,]'],
  ['{a:1}'],
  ["{'a':1}"],
  ['{"a":01}'],
  ['{"a":+1}'],
  ['{"a":.5}'],
  ['{"a":1.}'],
  ['{"a":1e}'],
  ['{"a":-}'],
  ['{"a":"\n"}'],
  ['{"a":"\\x"}'],
  ['{"a":"\\u12"}'],
  ['{"a":tru}'],
  ['{"a":nullx}'],
  ['{"a" 1}'],
  ['{"a":"'],
  ['{\u00a0"a":1}'],
  ['{"a":0x1}'],
  ['{"a":"\t"}'],
])('PS-JSON-003: %j is not JSON', (text) => {
  expect(judged(text)).toBe('PS-JSON-003')
  expect(() => JSON.parse(text)).toThrow()
})

test('PS-JSON-003: what cannot stand in a string is found wherever in a long one it stands', () => {
  const odd = ['"', '\\"', '\\u0041', '\\x', '\\ud800', '\n', '\u0000', '\u2028', '']
  for (let length = 0; length < 200; length++)
    for (const at of new Set([0, 62, 63, 64, 65, 127, 128, 129, length - 1, length]))
      for (const one of odd) {
        if (at < 0 || at > length) continue
        const text = `{"Image":"${'x'.repeat(at)}${one}${'y'.repeat(length - at)}"}`
        expect([text, judgeJson(text).ok]).toEqual([text, one !== '\\ud800' && wireJson(text) !== undefined])
      }
})

test('PS-JSON-004: one string becomes a list wherever the engine makes one of it', () => {
  expect(
    judged('{"Cmd":"echo hi","entrypoint":"sh","Shell":"a","HostConfig":{"CapAdd":"ALL","capdrop":"x"}}'),
  ).toBe(
    '{"Cmd":["echo hi"],"Entrypoint":["sh"],"Shell":["a"],"HostConfig":{"CapAdd":["ALL"],"CapDrop":["x"]}}',
  )
  expect(judged('{"Cmd":null,"Env":"A=1"}')).toBe('{"Cmd":null,"Env":"A=1"}')
  expect(judged('{"Cmd":"ls"}', 'ImageCommit')).toBe('{"Cmd":["ls"]}')
})

test('PS-JSON-005: everything that is not respelled stays as it was written', () => {
  const text =
    '{ "Zebra" : 1e0,\t"HostConfig":{"Memory":9007199254740993,"memorySWAP":-0.0,"x":1E+2}\n,"a":"\\u00e9\\/"} '
  expect(judged(text)).toBe(text.replace('memorySWAP', 'MemorySwap'))
})

test.each([
  ['a byte order mark', '\ufeff{}'],
  ['half a pair', '{"a":"\\ud800"}'],
  ['the other half', '{"a":"\\udc00"}'],
  ['halves in the wrong order', '{"a":"\\udc00\\ud800"}'],
  ['half a pair and an escape', '{"a":"\\ud800\\n"}'],
  ['half a pair in a key', '{"\\udfff":1}'],
  ['NaN', '{"a":NaN}'],
  ['Infinity', '{"a":-Infinity}'],
  ['a comment', '{/* a */}'],
  ['a comment to the end of its line', '// a\n{}'],
])('PS-JSON-006: %s is refused', (_what, text) => {
  expect(judged(text)).toBe('PS-JSON-006')
})

test('PS-JSON-007: depth and the kind of the whole', () => {
  const nested = (levels: number) => `{"x":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
  expect(judged(nested(MAX_DEPTH))).toBe(nested(MAX_DEPTH))
  expect(judged(nested(MAX_DEPTH + 1))).toBe('PS-JSON-007')
  expect(judged('['.repeat(100_000))).toBe('PS-JSON-007')
  for (const text of ['[]', '"a"', '1', 'true', 'null']) expect(judged(text)).toBe('PS-JSON-007')
  for (const text of ['{}', '1']) expect(judged(text, 'PluginPull')).toBe('PS-JSON-007')
  expect(judged('null', 'PluginPull')).toBe('null')
  expect(judged('null', 'ImageCommit')).toBe('null')
  expect(judged('[1]', 'unknown')).toBe('[1]')
})

test('PS-JSON-008: __proto__ is refused in any object, other names of JavaScript are data', () => {
  for (const text of ['{"__proto__":{}}', '{"Labels":{"__proto__":""}}', '{"x":[{"\\u005f_proto__":1}]}'])
    expect(judged(text)).toBe('PS-JSON-008')
  const text = '{"Labels":{"constructor":"a","prototype":"b","toString":"c","hasOwnProperty":"d"}}'
  expect(judged(text)).toBe(text)
  expect(judged('{"constructor":1,"Constructor":2}')).toBe('PS-JSON-002')
})

test('PS-JSON-009: JSON on an operation that reads none is dropped; other bodies are left alone', () => {
  const facts = {
    hasBody: true,
    contentEncoding: undefined,
    operation: 'ContainerStop',
    takes: 'none',
  } as const
  expect(bodyMode({ ...facts, contentType: 'application/json' })).toBe('dropped')
  expect(bodyMode({ ...facts, contentType: 'Application/JSON; a=b' })).toBe('dropped')
  expect(bodyMode({ ...facts, contentType: 'text/plain' })).toBe('streamed')
  expect(
    bodyMode({ ...facts, contentType: 'application/json', operation: undefined, takes: undefined }),
  ).toBe('shown')
})

test.each([
  ['application/json', true],
  ['Application/JSON; a=b', true],
  ['application/json;charset=UTF-8', true],
  ['application/json ; charset="utf-8" ; q="a;b\\""', true],
  ['application/json;', true],
  ['application/json; charset=latin1', false],
  ['application/json; charset="utf-16"', false],
  ['application/json; charset=utf-8; charset=latin1', false],
  ['application/json; charset', false],
  ['application/json; =a', false],
  ['application/json; a="b', false],
  ['application/json a', false],
  ['application/json, text/plain', false],
  ['text/json', false],
  ['application/vnd.api+json', false],
  ['', false],
])('PS-TYPE-001: %j stands for JSON: %p', (type, stands) => {
  expect(jsonTypeProblem(type) === undefined).toBe(stands)
})

test.each([
  [
    'all of it where there is no HostConfig',
    '{"Image":"a","Privileged":true,"binds":["/:/h"]}',
    '{"Image":"a","HostConfig":{"Privileged":true,"Binds":["/:/h"]}}',
  ],
  [
    'a HostConfig of null',
    '{"HostConfig":null,"Privileged":true,"Image":"a"}',
    '{"Image":"a","HostConfig":{"Privileged":true}}',
  ],
  ['nothing else', '{"Privileged":true}', '{"HostConfig":{"Privileged":true}}'],
  [
    'what stands in the middle',
    '{"Image":"a","Memory":5,"Env":[],"CapAdd":"ALL"}',
    '{"Image":"a","Env":[],"HostConfig":{"Memory":5,"CapAdd":["ALL"]}}',
  ],
  ['an old name', '{"Cpuset":"0","Memory":5}', '{"HostConfig":{"Memory":5,"CpusetCpus":"0"}}'],
  ['what fills a gap', '{"Memory":5,"HostConfig":{"Memory":0}}', '{"HostConfig":{"Memory":5}}'],
  ['what fills an empty object', '{"MemorySwap":-1,"HostConfig":{}}', '{"HostConfig":{"MemorySwap":-1}}'],
  [
    'what stands beside labels that differ in case',
    '{"Labels":{"A":"1","a":"2"},"Privileged":true}',
    '{"Labels":{"A":"1","a":"2"},"HostConfig":{"Privileged":true}}',
  ],
  [
    'nothing that the engine ignores',
    '{"Memory":5,"Privileged":true,"HostConfig":{"Memory":6}}',
    '{"Memory":5,"Privileged":true,"HostConfig":{"Memory":6}}',
  ],
  ['nothing of an old name alone', '{"Cpuset":"0","Image":"a"}', '{"Cpuset":"0","Image":"a"}'],
  [
    'zeros that mean nothing',
    '{"Memory":0,"Cpuset":"","HostConfig":{"Binds":[]}}',
    '{"Memory":0,"Cpuset":"","HostConfig":{"Binds":[]}}',
  ],
])('PS-LIFE-009: of fields astray it moves %s', (_what, text, wanted) => {
  expect(judged(text)).toBe(wanted)
  expect(judged(wanted)).toBe(wanted)
})

test('a refusal says where', () => {
  const result = judgeBody('{\n "HostConfig": {"Mounts": [1,\n  {"a b": +3}]}}', CREATE)
  expect(result).toMatchObject({
    failure: {
      status: 400,
      message:
        'the request body is not acceptable: "+" stands where a value must (line 3, column 11 in HostConfig.Mounts[1]["a b"])',
    },
  })
  expect(judgeJson('{"a":[1,x]}')).toMatchObject({ failure: { offset: 8, path: 'a[1]' } })
})

test('nodes say where each value stands', () => {
  const text = ' {"a" : [1, "x"], "b\\u0062":{"c":null}}'
  const read = readJson(text)
  if (!read.ok || read.value.kind !== 'object') throw new Error('it must be read')
  const [list, object] = read.value.members
  expect([text.slice(list!.start, list!.value.end), object!.key]).toEqual(['"a" : [1, "x"]', 'bb'])
  expect(text.slice(object!.value.start, object!.value.end)).toBe('{"c":null}')
})

test('folding is Unicode’s simple one: what a regular expression without regard to case takes for equal', () => {
  const pairs = ['sſ', 'kK', 'Åå', 'σς', 'ΐΐ', 'ßẞ', 'iİ', 'Iı', 'ǅǆ', 'Ωω', 'µμ', 'éÉ', 'ﬀF', '𐐀𐐨'].map(
    (pair) => Array.from(pair),
  )
  for (const [one, other] of pairs) {
    // Added to the simple foldings after the engines' Go was made.
    if (one === 'ΐ') continue
    expect([one, other, fold(one!) === fold(other!)]).toEqual([
      one,
      other,
      new RegExp(`^${one}$`, 'iu').test(other!),
    ])
  }
})

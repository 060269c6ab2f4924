/** Protocol 2, section 2: what an adapter says of itself. */
import type { AdapterAbilities } from '../../../src/model/call.ts'
import { decodeAbilities, encodeAbilities } from '../../../src/wire/v2/handshake.ts'
import { faults } from './samples.ts'

const TYPE = 'application/vnd.powerstrip.v2+json'

const ABILITIES: AdapterAbilities = {
  name: 'volumes',
  version: '1.4.0',
  protocols: [2, 1],
  implements: ['pre-hook', 'unwind-hook'],
  operations: ['ContainerCreate'],
  sideEffects: 'NoneOnDryRun',
  idempotent: true,
  maxBodyBytes: 4194304,
  maxConnections: 32,
  optionsTtlS: 300,
  isTag: 'cfg-9f2c',
}

test('2: what is written is what is read, and as the published schema says', () => {
  const text = encodeAbilities(ABILITIES)
  expect(JSON.parse(text)).toEqual({
    PowerstripProtocolVersion: 2,
    Name: 'volumes',
    Version: '1.4.0',
    ProtocolVersions: [2, 1],
    Implements: ['pre-hook', 'unwind-hook'],
    Operations: ['ContainerCreate'],
    PatchTypes: ['JSONPatch', 'JSONMergePatch'],
    BodyEncodings: ['json', 'utf8', 'base64'],
    SideEffects: 'NoneOnDryRun',
    Idempotent: true,
    MaxBodyBytes: 4194304,
    MaxConnections: 32,
    OptionsTtl: 300,
    ISTag: 'cfg-9f2c',
  })
  expect(faults('abilities', text)).toEqual([])
  expect(decodeAbilities({ status: 200, body: text }, TYPE)).toEqual({ ok: true, value: ABILITIES })
})

test('2: what is left out', () => {
  const body = '{"PowerstripProtocolVersion":2,"Name":"a","Implements":["pre-hook","from-the-future"]}'
  expect(decodeAbilities({ status: 200, body }, `${TYPE}; charset=utf-8`)).toEqual({
    ok: true,
    value: {
      name: 'a',
      version: undefined,
      protocols: [2],
      implements: ['pre-hook'],
      operations: undefined,
      sideEffects: 'Some',
      idempotent: false,
      maxBodyBytes: undefined,
      maxConnections: undefined,
      optionsTtlS: undefined,
      isTag: undefined,
    },
  })
})

test.each([
  [404, 'text/html'],
  [405, undefined],
  [501, TYPE],
  [200, 'application/json'],
  [200, undefined],
  [500, 'text/html'],
])('V2-2.3: %d with the type %s is an adapter of protocol 1', (status, type) => {
  expect(decodeAbilities({ status, body: '' }, type)).toEqual({ ok: false, failure: { kind: 'old' } })
})

test.each([
  [503, '', undefined],
  [401, '{"message":"who are you?"}', 'application/json'],
  [400, '{}', TYPE],
  [200, 'no', TYPE],
  [200, '{"Implements":[]}', TYPE],
  [200, '{"Name":"a"}', TYPE],
  [200, '{"Name":"a","Implements":[],"ProtocolVersions":[3]}', TYPE],
  [200, '{"Name":"a","Implements":[],"SideEffects":"Few"}', TYPE],
  [200, '{"Name":"a","Implements":[],"MaxConnections":0}', TYPE],
])('2: %d with %s is a problem', (status, body, type) => {
  expect(decodeAbilities({ status, body }, type)).toMatchObject({ ok: false, failure: { kind: 'problem' } })
})

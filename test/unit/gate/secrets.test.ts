import { hideInBody, hideInTarget, withheldFrom } from '../../../src/gate/secrets.ts'

/** What an adapter without grants is shown of a body, and what becomes of its reply. */
function hidden(operation: string, where: 'request' | 'answer', body: string) {
  return hideInBody(body, withheldFrom(operation, [])![where], '')
}

test.each([
  ['SystemAuth', 'request', '{"username":"a","password":"S3CRET"}', ''],
  ['SystemAuth', 'answer', '{"Status":"ok","IdentityToken":"S3CRET"}', ''],
  ['ImagePush', 'request', '{"identitytoken":"S3CRET"}', ''],
  ['SecretCreate', 'request', '{"Name":"a","Data":"S3CRET","Labels":{}}', '{"Name":"a","Labels":{}}'],
  ['SecretUpdate', 'request', '{"Data":"S3CRET"}', '{}'],
  ['ConfigCreate', 'request', '{"Data":"S3CRET","Name":"a"}', '{"Name":"a"}'],
  ['ConfigUpdate', 'request', '{ "Name":"a" , "Data":"S3CRET" }', '{ "Name":"a" }'],
  [
    'ConfigInspect',
    'answer',
    '{"ID":"1","Spec":{"Name":"a","Data":"S3CRET"}}',
    '{"ID":"1","Spec":{"Name":"a"}}',
  ],
  [
    'ConfigList',
    'answer',
    '[{"ID":"1","Spec":{"Data":"S3CRET"}},{"ID":"2","Spec":{}}]',
    '[{"ID":"1","Spec":{}},{"ID":"2","Spec":{}}]',
  ],
  ['SwarmInit', 'request', '{"Spec":{"CAConfig":{"SigningCAKey":"S3CRET"}}}', '{"Spec":{"CAConfig":{}}}'],
  [
    'SwarmUpdate',
    'request',
    '{"CAConfig":{"SigningCAKey":"S3CRET","ForceRotate":1}}',
    '{"CAConfig":{"ForceRotate":1}}',
  ],
  ['SwarmJoin', 'request', '{"JoinToken":"S3CRET","RemoteAddrs":["a"]}', '{"RemoteAddrs":["a"]}'],
  ['SwarmUnlock', 'request', '{"UnlockKey":"S3CRET"}', '{}'],
  ['SwarmInspect', 'answer', '{"ID":"1","JoinTokens":{"Worker":"S3CRET","Manager":"S3CRET"}}', '{"ID":"1"}'],
  ['SwarmUnlockkey', 'answer', '{"UnlockKey":"S3CRET"}', '{}'],
] as const)('%s, %s: %s is shown without its secret and restored', (operation, where, body, shown) => {
  const { shown: seen, restore } = hidden(operation, where, body)
  expect(seen).toBe(shown)
  expect(restore(seen)).toEqual({ ok: true, value: body })
})

test('what an adapter changes stays, and the secret comes back in its place', () => {
  const { restore } = hidden('SecretCreate', 'request', '{"Data":"S3CRET","Name":"a"}')
  expect(restore('{"Name":"b","Labels":{"x":"y"}}')).toEqual({
    ok: true,
    value: '{"Name":"b","Labels":{"x":"y"},"Data":"S3CRET"}',
  })
  expect(restore('{}')).toEqual({ ok: true, value: '{"Data":"S3CRET"}' })
})

test('labels that differ in case are no obstacle', () => {
  const body = '{"Labels":{"A":"1","a":"2"},"Data":"S3CRET"}'
  const { shown, restore } = hidden('SecretCreate', 'request', body)
  expect(shown).toBe('{"Labels":{"A":"1","a":"2"}}')
  expect(restore('{"Labels":{"A":"1","a":"3"}}')).toEqual({
    ok: true,
    value: '{"Labels":{"A":"1","a":"3"},"Data":"S3CRET"}',
  })
})

test('items of a list are known again by their id', () => {
  const { restore } = hidden(
    'ConfigList',
    'answer',
    '[{"ID":"1","Spec":{"Data":"ONE"}},{"ID":"2","Spec":{"Data":"TWO"}}]',
  )
  expect(restore('[{"ID":"2","Spec":{"Name":"b"}}]')).toEqual({
    ok: true,
    value: '[{"ID":"2","Spec":{"Name":"b","Data":"TWO"}}]',
  })
})

test.each([
  ['sets it', 'SecretCreate', 'request', '{"Data":"x"}', '{"Data":"y"}', 'it set Data'],
  ['sets one that is not there', 'SecretCreate', 'request', '{"Name":"x"}', '{"Data":"y"}', 'it set Data'],
  [
    'takes away what holds it',
    'SwarmInit',
    'request',
    '{"Spec":{"CAConfig":{"SigningCAKey":"x"}}}',
    '{"Spec":{}}',
    'took away',
  ],
  ['empties the body', 'SecretCreate', 'request', '{"Data":"x"}', '', 'emptied'],
  ['gives a body for one it is not shown', 'SystemAuth', 'request', '{"password":"x"}', '{}', 'not shown'],
] as const)('an adapter that %s has failed', (_what, operation, where, body, changed, says) => {
  expect(hidden(operation, where, body).restore(changed)).toEqual({
    ok: false,
    failure: expect.stringContaining(says),
  })
})

test('build arguments are left out of the target and put back', () => {
  const places = withheldFrom('ImageBuild', [])!.request
  const { shown, restore } = hideInTarget(
    '/v1.45/build?t=a&%62uildargs=%7B%22T%22%3A%22S3CRET%22%7D&q=1',
    places,
  )
  expect(shown).toBe('/v1.45/build?t=a&q=1')
  expect(restore('/v1.45/build?t=b')).toEqual({
    ok: true,
    value: '/v1.45/build?t=b&%62uildargs=%7B%22T%22%3A%22S3CRET%22%7D',
  })
  expect(restore('/v1.45/build?t=b&buildargs=%7B%7D').ok).toBe(false)
  expect(hideInTarget('/v1.45/build?buildargs=%7B%7D', places).shown).toBe('/v1.45/build')
})

test('a grant shows what it names and nothing else', () => {
  expect(withheldFrom('SecretCreate', ['data'])).toBeUndefined()
  expect(withheldFrom('SecretCreate', ['registry', 'swarm', 'buildArgs'])).toBeDefined()
  expect(withheldFrom('ContainerCreate', [])).toBeUndefined()
  expect(withheldFrom(undefined, [])).toBeUndefined()
})

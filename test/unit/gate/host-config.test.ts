import { judgeBody } from '../../../src/gate/request-body.ts'

test('PS-LIFE-009: labels that differ in case do not keep a stray field from being moved to where hooks look', () => {
  const body = '{"Image":"x","Labels":{"a":"1","A":"2"},"Privileged":true}'
  expect(judgeBody(body, 'ContainerCreate')).toEqual({
    ok: true,
    value: '{"Image":"x","Labels":{"a":"1","A":"2"},"HostConfig":{"Privileged":true}}',
  })
})

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ContainerCreateBody } from 'powerstrip/sdk'
import { bindWaitProgram, holdBackRun, isTaken, runOf, useDns } from './creation.ts'
import { withNames } from './hosts-file.ts'
import { SOURCE_SHA256 } from './wait-program.ts'

const IMAGE = { Entrypoint: ['bash', '/srv/app/run.sh'], Cmd: ['serve'] }

function heldBack(body: ContainerCreateBody, image: object = IMAGE): unknown {
  let run = runOf(body)
  if (run.kind === 'ask-image') run = runOf(body, image as never)
  if (run.kind !== 'run') return run.kind
  holdBackRun(body, run)
  return { Entrypoint: body.Entrypoint, Cmd: body.Cmd }
}

describe('3.4 create: what is run', () => {
  test.each<[string, ContainerCreateBody, object, unknown]>([
    [
      'nothing given: the image’s entrypoint and command',
      {},
      IMAGE,
      { Entrypoint: ['/w/w', 'bash', '/srv/app/run.sh'], Cmd: ['serve'] },
    ],
    [
      'a command given: it replaces the image’s',
      { Cmd: ['hello', 'world'] },
      IMAGE,
      { Entrypoint: ['/w/w', 'bash', '/srv/app/run.sh'], Cmd: ['hello', 'world'] },
    ],
    [
      'an entrypoint of null is none',
      { Entrypoint: null, Cmd: [] },
      IMAGE,
      { Entrypoint: ['/w/w', 'bash', '/srv/app/run.sh'], Cmd: ['serve'] },
    ],
    [
      'an empty entrypoint overrides the image’s, and not its command',
      { Entrypoint: [] },
      IMAGE,
      { Entrypoint: ['/w/w'], Cmd: ['serve'] },
    ],
    [
      '--entrypoint "" takes away both',
      { Entrypoint: [''], Cmd: ['x'] },
      IMAGE,
      { Entrypoint: ['/w/w'], Cmd: ['x'] },
    ],
    [
      '3.2 an entrypoint given drops the image’s command',
      { Entrypoint: ['sh'] },
      IMAGE,
      { Entrypoint: ['/w/w', 'sh'], Cmd: undefined },
    ],
    [
      'strings are lists of one',
      JSON.parse('{"Entrypoint":"sh","Cmd":"x"}'),
      IMAGE,
      { Entrypoint: ['/w/w', 'sh'], Cmd: ['x'] },
    ],
    [
      '3.2 the program goes first once, however often it is asked for',
      { Entrypoint: ['/w/w', 'sh'] },
      IMAGE,
      { Entrypoint: ['/w/w', 'sh'], Cmd: undefined },
    ],
    [
      'an image that says nothing',
      { Cmd: ['x'] },
      { Entrypoint: null, Cmd: null },
      { Entrypoint: ['/w/w'], Cmd: ['x'] },
    ],
    ['nothing to run at all', {}, {}, 'nothing'],
    ['nothing to run after --entrypoint ""', { Entrypoint: [''] }, IMAGE, 'nothing'],
  ])('%s', (_what, body, image, expected) => {
    expect(heldBack(body, image)).toEqual(expected)
  })

  test('the image is not asked for where the entrypoint is given', () => {
    expect(runOf({ Entrypoint: ['sh'] }).kind).toBe('run')
    expect(runOf({ Cmd: ['sh'] }).kind).toBe('ask-image')
  })
})

test.each([
  ['bridge', true],
  ['default', true],
  ['none', true],
  ['', true],
  [undefined, true],
  ['host', false],
  ['container:abc', false],
  ['mynet', false],
])('3.4 create: the network mode %s is taken: %s', (mode, taken) => {
  expect(isTaken(mode)).toBe(taken)
})

describe('3.4 create: the bind', () => {
  test.each([
    ['null', { HostConfig: null }, ['/var/lib/w:/w:ro']],
    ['none', { HostConfig: { Binds: null } }, ['/var/lib/w:/w:ro']],
    [
      'others stay, in order',
      { HostConfig: { Binds: ['/a:/a', 'b:/b:ro'] } },
      ['/a:/a', 'b:/b:ro', '/var/lib/w:/w:ro'],
    ],
    [
      'the user’s on /w is replaced',
      { HostConfig: { Binds: ['/a:/w:rw', '/b:/w/', '/c:/w2'] } },
      ['/c:/w2', '/var/lib/w:/w:ro'],
    ],
  ])('%s', (_what, body: ContainerCreateBody, expected) => {
    bindWaitProgram(body, '/var/lib/w')
    expect(body.HostConfig?.Binds).toEqual(expected)
  })

  test('a mount on /w is replaced too', () => {
    const body: ContainerCreateBody = { HostConfig: { Mounts: [{ Target: '/w' }, { Target: '/x' }] } }
    bindWaitProgram(body, '/var/lib/w')
    expect(body.HostConfig?.Mounts).toEqual([{ Target: '/x' }])
  })
})

describe('3.4 create: DNS', () => {
  const DNS = { domain: 'weave.local', address: '172.17.0.1' }
  test.each<[string, ContainerCreateBody, string, object]>([
    [
      'the name becomes the host name',
      {},
      'web',
      { Hostname: 'web', Domainname: 'weave.local', search: ['.'] },
    ],
    [
      'a host name stays',
      { Hostname: 'h' },
      'web',
      { Hostname: 'h', Domainname: 'weave.local', search: ['.'] },
    ],
    ['no name', {}, '', { Hostname: undefined, Domainname: undefined, search: ['weave.local'] }],
    ['too long a name', {}, 'x'.repeat(60), { Hostname: undefined, Domainname: undefined, search: ['.'] }],
    [
      'a search list stays',
      { HostConfig: { DnsSearch: ['a'] } },
      'web',
      { Hostname: 'web', Domainname: 'weave.local', search: ['a'] },
    ],
  ])('%s', (_what, body, name, expected) => {
    useDns(body, name, DNS)
    const { Hostname, Domainname, HostConfig } = body
    expect({ Hostname, Domainname, search: HostConfig?.DnsSearch }).toEqual(expected)
    expect(HostConfig?.Dns).toEqual(['172.17.0.1'])
  })

  test('servers that were named stay first', () => {
    const body: ContainerCreateBody = { HostConfig: { Dns: ['9.9.9.9'] } }
    useDns(body, '', DNS)
    expect(body.HostConfig?.Dns).toEqual(['9.9.9.9', '172.17.0.1'])
  })
})

test('3.4 /etc/hosts: the names stand between marks, once, and the rest stays', () => {
  const before = '127.0.0.1\tlocalhost\n172.17.0.2\tweb\n10.0.0.9\textra\n'
  const once = withNames(before, '10.2.1.1', ['web.weave.local', 'web'])
  const twice = withNames(once, '10.2.1.2', ['web.weave.local', 'web'])
  expect(once.split('\n')[1]).toBe('10.2.1.1\tweb.weave.local web')
  expect(twice).toBe(once.replace('10.2.1.1', '10.2.1.2'))
  expect(twice.endsWith(before)).toBe(true)
})

test('the wait program was made of its source', () => {
  const source = readFileSync('adapters/weave/router/wait.c')
  expect(SOURCE_SHA256).toBe(createHash('sha256').update(source).digest('hex'))
})

/** The policy core, on an engine that is a table: which rule a request meets, and what it becomes when none forbids it. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../src/config/parse.ts'
import type { HookCall } from '../../src/model/call.ts'
import type { Adapter } from '../../src/model/hook.ts'
import { identify } from '../../src/route/identity.ts'
import { PRE } from '../../test/wire/v2/samples.ts'
import sandbox from './adapter.ts'
import { DOORS } from './doors.ts'
import { IMAGE_OWNER_LABEL, OWNER_LABEL } from './labels.ts'
import { DEFAULTS, PRESETS } from './policy.ts'
import { KEPT_ELSEWHERE, RULES } from './rules.ts'

const OWN_ID = 'a'.repeat(64)
const THEIR_ID = 'b'.repeat(64)
const mine = { [OWNER_LABEL]: 'team' }
const theirs = { [OWNER_LABEL]: 'others' }

function box(id: string, name: string, labels: object, more: object = {}) {
  return {
    Id: id,
    Name: `/${name}`,
    Config: { Labels: labels },
    HostConfig: {},
    Mounts: [],
    NetworkSettings: { Networks: {} },
    ...more,
  }
}

/** What the engine has. */
const HAS: Readonly<Record<string, unknown>> = {
  '/containers/web/json': box(OWN_ID, 'web', mine),
  [`/containers/${OWN_ID}/json`]: box(OWN_ID, 'web', mine),
  [`/containers/${OWN_ID.slice(0, 12)}/json`]: box(OWN_ID, 'web', mine),
  '/containers/aa/json': box(OWN_ID, 'web', mine),
  '/containers/theirs/json': box(THEIR_ID, 'theirs', theirs),
  '/containers/strong/json': box(OWN_ID, 'strong', mine, { HostConfig: { Privileged: true } }),
  '/containers/rooted/json': box(OWN_ID, 'rooted', mine, {
    Mounts: [{ Type: 'bind', Source: '/', RW: true }],
  }),
  '/containers/plug/json': box(OWN_ID, 'powerstrip', {}),
  '/containers/inherited/json': box(OWN_ID, 'inherited', mine, { Image: 'sha256:labelled' }),
  '/images/sha256:labelled/json': { Id: 'sha256:labelled', Config: { Labels: mine } },
  '/containers/unmasked/json': box(OWN_ID, 'unmasked', mine, { HostConfig: { MaskedPaths: [] } }),
  '/volumes/data': { Name: 'data', Driver: 'local', Labels: mine, Options: null },
  '/volumes/theirs': { Name: 'theirs', Driver: 'local', Labels: theirs, Options: null },
  '/volumes/root': {
    Name: 'root',
    Driver: 'local',
    Labels: mine,
    Options: { type: 'none', o: 'bind', device: '/' },
  },
  [`/volumes/${'9'.repeat(64)}`]: { Name: '9'.repeat(64), Driver: 'local', Labels: null, Options: null },
  '/networks/bridge': { Id: 'c'.repeat(64), Name: 'bridge', Labels: {} },
  [`/networks/${'f'.repeat(64)}`]: { Id: 'f'.repeat(64), Name: 'host', Driver: 'host', Labels: {} },
  '/networks/net': { Id: 'd'.repeat(64), Name: 'net', Labels: mine },
  '/networks/theirs': { Id: 'e'.repeat(64), Name: 'theirs', Labels: theirs },
  '/images/busybox/json': { Id: 'sha256:1', RepoTags: ['busybox:latest'], Config: { Labels: null } },
  '/images/cafe/json': { Id: 'sha256:cafe1', RepoTags: ['evil.example/x:latest'], Config: { Labels: null } },
  '/images/built/json': {
    Id: 'sha256:2',
    RepoTags: ['built:latest'],
    Config: { Labels: { [IMAGE_OWNER_LABEL]: 'team' } },
  },
  '/images/evil.example/x/json': { Id: 'sha256:3', RepoTags: ['evil.example/x:latest'], Config: {} },
  '/v1.45/images/json': [
    { Id: '1', RepoTags: ['busybox:latest'], Labels: null },
    { Id: '2', RepoTags: ['evil.example/x:latest'], Labels: {} },
    { Id: '3', RepoTags: ['mine:latest'], Labels: { [IMAGE_OWNER_LABEL]: 'team' } },
    { Id: '4', RepoTags: ['busybox:theirs'], Labels: { [IMAGE_OWNER_LABEL]: 'others' } },
  ],
  '/v1.45/networks': [
    { Id: 'c', Name: 'bridge', Labels: {}, Containers: { [OWN_ID]: {}, [THEIR_ID]: {} } },
    { Id: 'd', Name: 'net', Labels: mine },
    { Id: 'e', Name: 'theirs', Labels: theirs },
  ],
  '/v1.45/networks/bridge': { Id: 'c', Name: 'bridge', Containers: { [OWN_ID]: {}, [THEIR_ID]: {} } },
  [`/containers/json?all=1&filters={"label":["${OWNER_LABEL}=team"]}`]: [{ Id: OWN_ID }],
  '/exec/e1/json': { ID: 'e1', ContainerID: OWN_ID },
  '/exec/e2/json': { ID: 'e2', ContainerID: 'theirs' },
}

const server = createServer((request, response) => {
  const found = HAS[decodeURIComponent(request.url ?? '')]
  response.setHeader('content-type', 'application/json')
  response.statusCode = found === undefined ? 404 : 200
  response.end(JSON.stringify(found ?? { message: 'no such thing' }))
})
let engine: string
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  engine = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.close()
  await once(server, 'close')
})

function adapter(policy: object): Adapter {
  const log = { info() {}, warn() {}, error() {} }
  return sandbox.create({ engine, ...policy }, { log })
}

async function ask(policy: object, line: string, body?: unknown) {
  const [method = '', target = ''] = line.split(' ')
  const text = body === undefined ? null : JSON.stringify(body)
  return await adapter(policy).pre(
    { method, target: `/v1.45${target}`, body: text },
    new AbortController().signal,
  )
}

/** The rules that a request meets; none if it passes. */
async function rulesMet(policy: object, line: string, body?: unknown): Promise<string[]> {
  const outcome = await ask(policy, line, body)
  return outcome.kind === 'deny'
    ? [...new Set(outcome.message.match(/PS-[A-Z]+-[0-9]{3}(?=:)/g) ?? ['none'])]
    : []
}

const CREATE = 'POST /containers/create'

describe('what a container may not ask for', () => {
  test.each([
    ['PS-PRIV-013', { LogConfig: { Type: '', Config: { 'syslog-address': 'tcp://x' } } }],
    ['PS-PRIV-012', { OomScoreAdj: -500 }],
    ['PS-NS-006', { NetworkMode: 'f'.repeat(64) }],
    ['PS-MOUNT-001', { Binds: ['/:/host'] }],
    ['PS-MOUNT-001', { Binds: ['/etc:/x:ro'] }],
    ['PS-MOUNT-001', { Binds: ['/srv/allowedx:/x'] }],
    ['PS-MOUNT-006', { Binds: ['/srv/allowed/../../etc:/x'] }],
    ['PS-MOUNT-006', { Binds: ['//etc:/x'] }],
    ['PS-MOUNT-011', { Binds: ['vol:/x:rshared'] }],
    ['PS-MOUNT-002', { Mounts: [{ Type: 'bind', Source: '/', Target: '/x' }] }],
    ['PS-MOUNT-008', { Mounts: [{ Type: 'npipe', Source: '/', Target: '/x' }] }],
    ['PS-MOUNT-008', { Mounts: [{ Source: '/', Target: '/x' }] }],
    [
      'PS-MOUNT-003',
      {
        Mounts: [
          {
            Type: 'volume',
            Target: '/x',
            VolumeOptions: { DriverConfig: { Options: { type: 'none', o: 'bind', device: '/' } } },
          },
        ],
      },
    ],
    [
      'PS-MOUNT-005',
      {
        Mounts: [
          {
            Type: 'volume',
            Target: '/x',
            VolumeOptions: { DriverConfig: { Options: { type: 'nfs', o: 'addr=1.2.3.4', device: ':/' } } },
          },
        ],
      },
    ],
    ['PS-MOUNT-009', { VolumeDriver: 'rexray' }],
    [
      'PS-MOUNT-011',
      { Mounts: [{ Type: 'volume', Source: 'v', Target: '/x', VolumeOptions: { Subpath: 'a' } }] },
    ],
    ['PS-PRIV-001', { Privileged: true }],
    ['PS-PRIV-002', { CapAdd: ['cap_sys_admin'] }],
    ['PS-PRIV-002', { CapAdd: 'ALL' }],
    ['PS-PRIV-003', { SecurityOpt: ['seccomp:unconfined'] }],
    ['PS-PRIV-003', { SecurityOpt: ['no-new-privileges=false'] }],
    ['PS-PRIV-004', { MaskedPaths: [] }],
    ['PS-PRIV-005', { Devices: [{ PathOnHost: '/dev/sda' }] }],
    ['PS-PRIV-006', { DeviceCgroupRules: ['b *:* rwm'] }],
    ['PS-PRIV-007', { DeviceRequests: [{ Count: -1 }] }],
    ['PS-PRIV-008', { Runtime: 'other' }],
    ['PS-PRIV-009', { CgroupParent: '/' }],
    ['PS-PRIV-010', { Sysctls: { 'kernel/core_pattern': '|/x' } }],
    ['PS-PRIV-012', { OomScoreAdj: -1000 }],
    ['PS-PRIV-012', { OomKillDisable: true }],
    ['PS-PRIV-012', { Ulimits: [{ Name: 'memlock', Soft: -1 }] }],
    ['PS-PRIV-013', { LogConfig: { Type: 'syslog' } }],
    ['PS-NS-001', { PidMode: 'host' }],
    ['PS-NS-002', { IpcMode: 'host' }],
    ['PS-NS-003', { UTSMode: 'host' }],
    ['PS-NS-004', { UsernsMode: 'host' }],
    ['PS-NS-005', { CgroupnsMode: 'host' }],
    ['PS-NS-006', { NetworkMode: 'host' }],
    ['PS-NET-001', { NetworkMode: 'net' }],
    ['PS-NET-002', { PortBindings: { '80/tcp': [{ HostPort: '80' }] } }],
    ['PS-NET-002', { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1.evil', HostPort: '80' }] } }],
    ['PS-NET-002', { PublishAllPorts: true }],
    ['PS-NET-003', { ExtraHosts: ['a:1.2.3.4'] }],
    ['PS-LIFE-007', { RestartPolicy: { Name: 'always' } }],
    ['PS-SELF-001', { Binds: ['/run/docker.sock:/x'] }],
    ['PS-FIELD-001', { Annotations: { a: 'b' } }],
    ['PS-FIELD-001', { privileged: true }],
    ['PS-FIELD-001', { Binds: { 0: '/:/x' } }],
    ['PS-FIELD-001', { Privileged: 'true' }],
  ])('%s: %j', async (rule, HostConfig) => {
    expect(await rulesMet({ mounts: ['/srv/allowed'] }, CREATE, { Image: 'busybox', HostConfig })).toContain(
      rule,
    )
  })

  test.each([
    ['PS-LIFE-009', { Privileged: true }],
    ['PS-LIFE-009', { binds: ['/:/x'] }],
    ['PS-FIELD-001', { Unheard: 1 }],
    ['PS-IMAGE-006', { OnBuild: ['RUN x'] }],
    ['PS-NET-001', { NetworkingConfig: { EndpointsConfig: { theirs: {} } } }],
    ['PS-NET-001', { NetworkingConfig: { EndpointsConfig: { bridge: { NetworkID: 'theirs' } } } }],
    ['PS-NET-004', { NetworkingConfig: { EndpointsConfig: { bridge: { DriverOpts: { a: 'b' } } } } }],
  ])('%s: %j at the top level', async (rule, body) => {
    expect(await rulesMet({}, CREATE, { Image: 'busybox', ...body })).toContain(rule)
  })

  test('root, in any spelling', async () => {
    for (const User of ['', 'root', '0', '00', '+0', '0:0', '1000:0', 'alice'])
      expect(await rulesMet({ root: false }, CREATE, { Image: 'busybox', User })).toEqual(['PS-PRIV-011'])
    for (const User of ['1000', '1000:1000'])
      expect(await rulesMet({ root: false }, CREATE, { Image: 'busybox', User })).toEqual([])
    expect(
      await rulesMet({ root: false }, CREATE, {
        Image: 'busybox',
        User: '1',
        HostConfig: { GroupAdd: ['docker'] },
      }),
    ).toEqual(['PS-PRIV-011'])
  })
})

describe('what a container may ask for', () => {
  test('nothing special', async () => {
    const body = {
      Image: 'busybox',
      Hostname: '',
      Env: null,
      Labels: null,
      OnBuild: null,
      Volumes: {},
      HostConfig: {
        Binds: null,
        NetworkMode: 'default',
        PortBindings: {},
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
        CapAdd: null,
        Privileged: false,
        MaskedPaths: null,
        ReadonlyPaths: null,
        PidMode: '',
        IpcMode: '',
        CgroupnsMode: '',
        LogConfig: { Type: '', Config: {} },
        Devices: [],
        DeviceRequests: null,
        OomKillDisable: false,
        OomScoreAdj: 0,
        ShmSize: 0,
      },
      NetworkingConfig: { EndpointsConfig: {} },
    }
    expect(await ask({}, CREATE, body)).toEqual({ kind: 'pass' })
  })

  test.each([
    ['capabilities', ['SYS_ADMIN'], { CapAdd: ['CAP_SYS_ADMIN'] }],
    ['privileged', true, { Privileged: true }],
    ['hostNamespaces', ['network'], { NetworkMode: 'host' }],
    ['networks', ['net'], { NetworkMode: 'net' }],
    ['publish', 'loopback', { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '80' }] } }],
    [
      'publish',
      'any',
      { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '80' }] }, PublishAllPorts: true },
    ],
    ['fields', ['HostConfig.Annotations'], { Annotations: { a: 'b' } }],
    ['devices', ['/dev/fuse'], { Devices: [{ PathOnHost: '/dev/fuse' }] }],
    ['restartPolicies', ['always'], { RestartPolicy: { Name: 'always' } }],
  ])('%s: %j allows %j', async (name, value, HostConfig) => {
    expect(await ask({ [name]: value }, CREATE, { Image: 'busybox', HostConfig })).toEqual({ kind: 'pass' })
  })

  test('what dockerode repeats in bodies', async () => {
    expect(await ask({}, CREATE, { Image: 'busybox', name: 'web', platform: '' })).toEqual({ kind: 'pass' })
    expect(await rulesMet({}, 'POST /exec/e1/start', { Detach: false, hijack: true, stdin: true })).toEqual(
      [],
    )
  })

  test('tmpfs volumes, and bind volumes below the folders', async () => {
    const volume = (Options: object) => ({
      Image: 'busybox',
      HostConfig: {
        Mounts: [
          { Type: 'volume', Target: '/x', VolumeOptions: { DriverConfig: { Name: 'local', Options } } },
        ],
      },
    })
    expect(await rulesMet({}, CREATE, volume({ type: 'tmpfs', device: 'tmpfs', o: 'size=1m' }))).toEqual([])
    expect(
      await rulesMet({ mounts: ['/tmp'] }, CREATE, volume({ type: 'none', device: '/tmp', o: 'bind' })),
    ).toEqual([])
  })
})

describe('links out of a folder', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sandbox-'))
    await mkdir(join(folder, 'in'))
    await symlink('/', join(folder, 'out'))
    await symlink('in', join(folder, 'other'))
    await symlink('/nowhere', join(folder, 'dangling'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test.each([
    ['in', []],
    ['other', []],
    ['new/one', []],
    ['out', ['PS-MOUNT-006']],
    ['out/etc', ['PS-MOUNT-006']],
    ['dangling', ['PS-MOUNT-006']],
    ['dangling/new', ['PS-MOUNT-006']],
  ])('%s', async (path, rules) => {
    const HostConfig = { Binds: [`${folder}/${path}:/x`] }
    expect(await rulesMet({ mounts: [folder] }, CREATE, { Image: 'busybox', HostConfig })).toEqual(rules)
  })

  test('a folder that cannot be looked at', async () => {
    const body = { Image: 'busybox', HostConfig: { Binds: ['/not/here:/x'] } }
    expect(await rulesMet({ mounts: ['/not/here'] }, CREATE, body)).toEqual(['PS-MOUNT-006'])
    expect(await rulesMet({ mounts: ['/not/here'], unresolvedPaths: true }, CREATE, body)).toEqual([])
  })

  test('a folder that is read-only', async () => {
    const mounts = [`${folder}:ro`]
    const bind = (mode: string) => ({ Image: 'busybox', HostConfig: { Binds: [`${folder}/in:/x${mode}`] } })
    expect(await rulesMet({ mounts }, CREATE, bind(''))).toEqual(['PS-MOUNT-001'])
    expect(await rulesMet({ mounts }, CREATE, bind(':ro'))).toEqual([])
  })
})

describe('what others have made', () => {
  const owner = { owner: 'team' }
  test.each([
    ['POST /containers/web/start', []],
    [`POST /containers/${OWN_ID}/stop`, []],
    [`POST /containers/${OWN_ID.slice(0, 12)}/stop`, []],
    ['POST /containers/aa/stop', ['PS-TIME-001']],
    ['POST /containers/theirs/stop', ['PS-OWN-001']],
    ['DELETE /containers/theirs', ['PS-OWN-001']],
    ['GET /containers/theirs/json', ['PS-READ-003']],
    ['GET /containers/theirs/logs', ['PS-READ-002']],
    ['GET /containers/theirs/archive?path=/', ['PS-READ-001']],
    ['GET /containers/theirs/export', ['PS-READ-001']],
    ['GET /containers/theirs/attach/ws', ['PS-READ-004']],
    ['POST /containers/theirs/attach', ['PS-READ-002']],
    ['PUT /containers/theirs/archive?path=/', ['PS-MOUNT-010']],
    ['POST /exec/e1/start', []],
    ['POST /exec/e2/start', ['PS-TIME-002']],
    ['GET /exec/e2/json', ['PS-LIFE-002']],
    ['GET /volumes/theirs', ['PS-OWN-001']],
    ['DELETE /volumes/data', []],
    [`DELETE /volumes/${'9'.repeat(64)}`, ['PS-OWN-001']],
    ['DELETE /containers/web/theirs', ['PS-TIME-001']],
    ['DELETE /networks/theirs', ['PS-OWN-001']],
    ['GET /networks/bridge', []],
    ['GET /networks/theirs', ['PS-OWN-001']],
    ['POST /containers/strong/start', ['PS-PRIV-001']],
    ['POST /containers/unmasked/start', ['PS-PRIV-004']],
    ['POST /containers/strong/exec', ['PS-PRIV-001']],
    ['PUT /containers/rooted/archive?path=/', ['PS-MOUNT-010']],
    ['GET /system/df', ['PS-READ-006']],
    // Of an image that carries the label: whoever runs it has given nobody anything.
    ['GET /containers/inherited/json', ['PS-READ-003']],
    ['POST /build/prune', ['PS-BUILD-003', 'PS-READ-006']],
    ['POST /containers/create?name=cafe', ['PS-TIME-001']],
    ['POST /containers/web/rename?name=beef', ['PS-TIME-001']],
    ['POST /commit?container=theirs', ['PS-LIFE-005']],
    ['POST /images/create?fromSrc=-', ['PS-IMAGE-002']],
    ['DELETE /images/busybox', ['PS-OWN-001']],
    ['DELETE /images/built', []],
    ['POST /images/built/tag?repo=busybox', ['PS-IMAGE-004']],
  ])('%s: %j', async (line, rules) => {
    expect(await rulesMet(owner, line)).toEqual(rules)
  })

  test.each([
    [{ HostConfig: { VolumesFrom: ['theirs'] } }, ['PS-MOUNT-007']],
    [{ HostConfig: { VolumesFrom: ['web:ro'] } }, []],
    [{ HostConfig: { VolumesFrom: ['rooted'] } }, ['PS-MOUNT-010']],
    [{ HostConfig: { PidMode: 'container:theirs' } }, ['PS-NS-001']],
    [{ HostConfig: { NetworkMode: 'container:web' } }, []],
    [{ HostConfig: { NetworkMode: 'net' } }, []],
    [{ HostConfig: { Binds: ['theirs:/x'] } }, ['PS-TIME-003']],
    [{ HostConfig: { Binds: ['root:/x'] } }, ['PS-TIME-003']],
    [{ HostConfig: { Links: ['theirs:db'] } }, ['PS-NET-003']],
    [{ Labels: { [OWNER_LABEL]: 'others' } }, ['PS-TIME-004']],
    [
      {
        HostConfig: {
          Mounts: [{ Type: 'volume', Source: 'new', Target: '/x', VolumeOptions: { Labels: theirs } }],
        },
      },
      ['PS-TIME-004'],
    ],
  ])('create with %j: %j', async (body, rules) => {
    expect(await rulesMet(owner, CREATE, { Image: 'busybox', ...body })).toEqual(rules)
  })

  test('what is made carries its owner', async () => {
    const outcome = await ask(owner, CREATE, { Image: 'busybox', Labels: { a: 'b' } })
    expect(outcome).toMatchObject({ kind: 'replace' })
    expect(JSON.parse((outcome as { body: string }).body).Labels).toEqual({ a: 'b', ...mine })
  })

  test('containers that it names are named by their ids from then on', async () => {
    const HostConfig = {
      NetworkMode: 'container:web',
      PidMode: 'container:web',
      VolumesFrom: ['web:ro'],
      Links: ['web:db'],
    }
    const outcome = await ask(owner, CREATE, { Image: 'busybox', HostConfig })
    expect(JSON.parse((outcome as { body: string }).body).HostConfig).toEqual({
      NetworkMode: `container:${OWN_ID}`,
      PidMode: `container:${OWN_ID}`,
      VolumesFrom: [`${OWN_ID}:ro`],
      Links: [`${OWN_ID}:db`],
    })
  })

  test('a body of null says nothing, and what it makes has an owner all the same', async () => {
    const outcome = await ask(owner, 'POST /volumes/create', null)
    expect(outcome).toMatchObject({ kind: 'replace', body: JSON.stringify({ Labels: mine }) })
    expect(await rulesMet(owner, 'POST /volumes/create', [])).toEqual(['PS-FIELD-001'])
  })

  test('lists show the owner’s own', async () => {
    const filters = { label: ['a'], name: ['x'] }
    const outcome = await ask(
      owner,
      `GET /containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`,
    )
    const query = new URL((outcome as { target: string }).target, 'http://x').searchParams
    expect(JSON.parse(query.get('filters')!)).toEqual({ label: ['a', `${OWNER_LABEL}=team`], name: ['x'] })
  })

  test.each(['/services', '/secrets', '/configs', '/tasks', '/containers/json', '/volumes'])(
    'on GET %s the owner’s label has one value, whatever the client’s filter says',
    async (path) => {
      const asked = (label: unknown) => `GET ${path}?filters=${encodeURIComponent(JSON.stringify({ label }))}`
      const inSwarm = { ...owner, swarm: 'services' }
      for (const label of [
        [OWNER_LABEL],
        [`${OWNER_LABEL}=`, `${OWNER_LABEL}=team`],
        { [OWNER_LABEL]: true, [`${OWNER_LABEL}=team`]: false },
      ]) {
        const outcome = await ask(inSwarm, asked(label))
        const query = new URL((outcome as { target: string }).target, 'http://x').searchParams
        expect(JSON.parse(query.get('filters')!)).toEqual({ label: [`${OWNER_LABEL}=team`] })
      }
      for (const label of [[`${OWNER_LABEL}=others`], { [`${OWNER_LABEL}=others=x`]: true, a: true }])
        expect(await ask(inSwarm, asked(label))).toMatchObject({
          kind: 'deny',
          message: expect.stringContaining('PS-OWN-001'),
        })
    },
  )
})

describe('images', () => {
  const policy = { registries: ['docker.io/library', 'registry.example/team'] }
  test.each([
    ['POST /images/create?fromImage=busybox&tag=latest', []],
    ['POST /images/create?fromImage=docker.io/library/busybox', []],
    ['POST /images/create?fromImage=index.docker.io/busybox', []],
    ['POST /images/create?fromImage=registry.example/team/web', []],
    ['POST /images/create?fromImage=registry.example/teams/web', ['PS-IMAGE-001']],
    ['POST /images/create?fromImage=evil/busybox', ['PS-IMAGE-001']],
    ['POST /images/create?fromImage=evil.example/library/busybox', ['PS-IMAGE-001']],
    ['POST /images/create?fromImage=evil.example/x&tag=sha256:00', ['PS-IMAGE-001']],
    ['POST /images/create?fromSrc=http://evil/x&repo=busybox', ['PS-IMAGE-002', 'PS-IMAGE-004']],
    ['POST /images/load', ['PS-IMAGE-003']],
    ['POST /images/busybox/push', ['PS-IMAGE-005']],
    ['GET /distribution/evil.example/x/json', ['PS-IMAGE-001']],
    ['GET /images/search?term=evil.example/x', ['PS-IMAGE-001']],
    ['POST /commit?container=web&changes=ONBUILD%20RUN%20x', ['PS-IMAGE-006']],
    ['POST /commit?container=web&changes=RUN%20x', ['PS-LIFE-005']],
    ['POST /commit?container=web&changes=ENV%20a=b', []],
    ['POST /build', ['PS-BUILD-003']],
  ])('%s: %j', async (line, rules) => {
    expect(await rulesMet(policy, line)).toEqual(rules)
  })

  test.each([
    ['busybox', []],
    ['evil.example/x', ['PS-IMAGE-001']],
    ['cafe', ['PS-IMAGE-001']],
    ['missing', []],
    ['evil.example/missing', ['PS-IMAGE-001']],
  ])('a container of %s: %j', async (Image, rules) => {
    expect(await rulesMet(policy, CREATE, { Image })).toEqual(rules)
  })
})

describe('logins, where registries are named', () => {
  const policy = { registries: ['docker.io/library', 'registry.example/team'] }
  test.each([
    [{ username: 'a', serveraddress: 'https://index.docker.io/v1/' }, []],
    [{ username: 'a' }, []],
    [{ serveraddress: 'registry.example' }, []],
    [{ serveraddress: 'https://registry.example/v2/' }, []],
    [{ serveraddress: 'evil.example' }, ['PS-IMAGE-001']],
    [{ serveraddress: 'http://169.254.169.254/latest' }, ['PS-IMAGE-001']],
    [{ serveraddress: 'registry.example@evil.example' }, ['PS-IMAGE-001']],
    // Not shown: the configuration has not granted it.
    [undefined, ['PS-IMAGE-001']],
  ])('%j: %j', async (body, rules) => {
    expect(await rulesMet(policy, 'POST /auth', body)).toEqual(rules)
    expect(await rulesMet({}, 'POST /auth', body)).toEqual([])
  })
})

describe('builds, once they are allowed', () => {
  test.each([
    ['t=web', []],
    ['networkmode=host', ['PS-BUILD-001']],
    ['cgroupparent=/', ['PS-BUILD-001']],
    ['extrahosts=a:1.2.3.4', ['PS-BUILD-001']],
    ['remote=http://x/', ['PS-BUILD-002']],
    ['version=2', ['PS-BUILD-004']],
    ['securityopt=%5B%22seccomp%3Dunconfined%22%5D', ['PS-BUILD-005']],
    ['outputs=%5B%5D', ['PS-BUILD-006']],
    ['session=x', ['PS-BUILD-007']],
    ['entitlements=x', ['PS-FIELD-001']],
    ['version=2&remote=client-session&session=x', ['PS-BUILD-002', 'PS-BUILD-004', 'PS-BUILD-007']],
  ])('%s: %j', async (query, rules) => {
    expect(await rulesMet({ builds: true }, `POST /build?${query}`)).toEqual(rules)
  })
})

describe('the swarm', () => {
  const create = 'POST /services/create'
  const of = (ContainerSpec: object, more: object = {}) => ({
    Name: 's',
    TaskTemplate: { ContainerSpec, ...more },
  })
  test('is closed', async () => {
    for (const line of [create, 'POST /swarm/init', 'GET /nodes', 'POST /secrets/create'])
      expect(await rulesMet({}, line, {})).toHaveLength(1)
    expect(await rulesMet({}, 'GET /swarm/unlockkey')).toEqual(['PS-READ-005'])
  })

  test.each([
    ['PS-SWARM-001', of({ Mounts: [{ Type: 'bind', Source: '/', Target: '/x' }] })],
    ['PS-SWARM-001', of({ CapabilityAdd: ['ALL'] })],
    ['PS-SWARM-001', of({ Privileges: { Seccomp: { Mode: 'unconfined' } } })],
    ['PS-SWARM-001', of({ Unheard: 1 })],
    ['PS-SWARM-001', of({ Mounts: [{ Type: 'volume', Source: 'a{{"b"}}', Target: '/x' }] })],
    ['PS-SWARM-001', of({ Secrets: [{ SecretID: 's', Runtime: {}, Unheard: 1 }] })],
    ['PS-SWARM-001', of({}, { Networks: [{ Target: 'net', DriverOpts: { a: 'b' } }] })],
    ['PS-SWARM-001', of({}, { Resources: { Reservations: { GenericResources: [{}] } } })],
    ['PS-SWARM-001', of({}, { LogDriver: { Name: 'syslog' } })],
    ['PS-SWARM-001', of({}, { LogDriver: { Options: { 'syslog-address': 'tcp://x' } } })],
    ['PS-SWARM-002', of({}, { Networks: [{ Target: 'host' }] })],
    ['PS-NS-006', of({}, { Networks: [{ Target: 'f'.repeat(64) }] })],
    ['PS-PLUGIN-001', of({}, { Runtime: 'plugin' })],
  ])('%s: %j', async (rule, body) => {
    expect(await rulesMet({ swarm: 'services', networks: ['*'] }, create, body)).toEqual([rule])
  })

  test('secrets that a driver fills in', async () => {
    const body = { Name: 's', Driver: { Name: 'elsewhere' } }
    expect(await rulesMet({ swarm: 'services' }, 'POST /secrets/create', body)).toEqual(['PS-SWARM-004'])
  })

  test('a service and its containers carry their owner', async () => {
    const outcome = await ask({ swarm: 'services', owner: 'team' }, create, of({ Labels: { a: 'b' } }))
    expect(JSON.parse((outcome as { body: string }).body)).toMatchObject({
      Labels: mine,
      TaskTemplate: { ContainerSpec: { Labels: { a: 'b', ...mine } } },
    })
    const forged = of({ Labels: theirs })
    expect(await rulesMet({ swarm: 'services', owner: 'team' }, create, forged)).toEqual(['PS-SWARM-001'])
  })
})

describe('the doors', () => {
  test('a request that is none of the API', async () => {
    expect(await rulesMet({}, 'GET /debug/vars')).toEqual(['PS-PATH-008'])
  })

  test('reading only', async () => {
    const refused = async (line: string) => await rulesMet({ preset: 'readonly' }, line)
    expect(await refused('POST /containers/web/stop')).toEqual(['PS-ACCESS-001'])
    expect(await refused('GET /containers/web/logs')).toEqual(['PS-READ-002'])
    expect(await refused('GET /containers/json')).toEqual([])
    // Every door that lets something be changed asks for more than reading.
    const loose = Object.entries(DOORS).filter(
      ([id, { needs }]) =>
        needs !== 'write' &&
        /Create|Delete|Prune|Start|Stop|Kill|Update|Put|Push|Load|Tag|Connect|Attach$/.test(id),
    )
    expect(loose.map(([id]) => id)).toEqual([])
  })

  test('what is protected', async () => {
    const policy = { protect: ['powerstrip', 'net'] }
    expect(await rulesMet(policy, 'POST /containers/plug/stop')).toEqual(['PS-SELF-002'])
    expect(await rulesMet(policy, 'POST /containers/web/rename?name=powerstrip')).toEqual(['PS-LIFE-004'])
    expect(
      await rulesMet({ ...policy, networks: ['*'] }, CREATE, {
        Image: 'x',
        HostConfig: { NetworkMode: 'net' },
      }),
    ).toEqual(['PS-SELF-003'])
  })

  test('a report lets everything pass', async () => {
    const lines: string[] = []
    const log = { info() {}, warn: (line: string) => lines.push(line), error() {} }
    const reporting = sandbox.create({ engine, mode: 'report' }, { log })
    const request = {
      method: 'POST',
      target: '/containers/create',
      body: '{"Image":"busybox","HostConfig":{"Privileged":true}}',
    }
    expect(await reporting.pre(request, new AbortController().signal)).toEqual({ kind: 'pass' })
    expect(lines).toEqual([expect.stringContaining('would be refused: PS-PRIV-001')])
  })

  describe('in protocol 2', () => {
    const call = (line: string, body?: unknown, more: object = {}) => {
      const [method = '', target = ''] = line.split(' ')
      const route = identify(method, `/v1.45${target}`)
      if (!route.ok) throw new Error(route.failure.message)
      const text = body === undefined ? null : JSON.stringify(body)
      const request = {
        method,
        target: `/v1.45${target}`,
        body: text,
        form: text === null ? ('none' as const) : ('json' as const),
        headers: {},
        ...more,
      }
      return {
        ...PRE,
        type: 'pre-hook' as const,
        operation: route.value.operation?.id ?? null,
        params: route.value.params,
        request,
      }
    }
    const answer = async (policy: object, given: HookCall) =>
      (await adapter(policy).answer!(given, new AbortController().signal)).outcome
    const owner = { owner: 'team' }

    test('a refusal names its rule for programs too', async () => {
      const given = call(CREATE, { Image: 'busybox', HostConfig: { Privileged: true } })
      expect(await answer({}, given)).toMatchObject({ kind: 'deny', status: 403, reason: 'PS-PRIV-001' })
      const reply = await adapter({}).answer!(given, new AbortController().signal)
      expect(reply.remarks?.annotations).toEqual({ 'PS-PRIV-001': 'a privileged container' })
    })

    test.each([
      'POST /containers/none/start',
      'POST /containers/none/exec',
      'GET /containers/none/json',
      'DELETE /volumes/none',
      'DELETE /networks/none',
      'POST /exec/none/start',
    ])('%s: what nobody has is answered here, in the engine’s words', async (line) => {
      expect(await answer(owner, call(line, line.includes('exec') ? {} : undefined))).toMatchObject({
        kind: 'respond',
        status: 404,
        body: '{"message":"no such thing"}',
      })
      expect(await answer({}, call(line, line.includes('exec') ? {} : undefined))).toEqual({ kind: 'pass' })
    })

    test('lists show what is everybody’s beside one’s own', async () => {
      const list = async (policy: object, line: string) => {
        const outcome = await answer({ ...owner, ...policy }, call(line))
        expect(outcome).toMatchObject({ kind: 'respond', status: 200 })
        return JSON.parse((outcome as { body: string }).body)
      }
      const ids = (entries: { Id: string }[]) => entries.map(({ Id }) => Id)
      expect(ids(await list({}, 'GET /images/json'))).toEqual(['1', '2', '3'])
      expect(ids(await list({ registries: ['docker.io/library'] }, 'GET /images/json'))).toEqual(['1', '3'])
      expect(await list({}, 'GET /networks')).toEqual([
        { Id: 'c', Name: 'bridge', Labels: {}, Containers: { [OWN_ID]: {} } },
        { Id: 'd', Name: 'net', Labels: mine },
      ])
      expect(ids(await list({ networks: [] }, 'GET /networks'))).toEqual(['d'])
      expect(await list({}, 'GET /networks/bridge')).toEqual({
        Id: 'c',
        Name: 'bridge',
        Containers: { [OWN_ID]: {} },
      })
    })

    test('a list that the engine refuses is refused in its words', async () => {
      expect(await answer(owner, call('GET /networks?filters=%7B%7D'))).toMatchObject({
        kind: 'respond',
        status: 404,
        body: '{"message":"no such thing"}',
      })
    })

    test('the volumes of a container that nobody has', async () => {
      const given = call(CREATE, { Image: 'busybox', HostConfig: { VolumesFrom: ['none'] } })
      expect(await answer(owner, given)).toMatchObject({ kind: 'respond', status: 404 })
    })

    test('the removal of a volume that nobody has is a success where it is forced', async () => {
      expect(await answer(owner, call('DELETE /volumes/none?force=1'))).toEqual({ kind: 'pass' })
    })

    test('a body that is there and not shown is refused, where a door looks at it', async () => {
      const hidden = { form: 'omitted' }
      expect(await answer({}, call(CREATE, undefined, hidden))).toMatchObject({
        kind: 'deny',
        reason: 'PS-FIELD-001',
      })
      expect(await answer({ builds: true }, call('POST /build', undefined, hidden))).toEqual({ kind: 'pass' })
      expect(await answer({}, call('POST /auth', undefined, hidden))).toEqual({ kind: 'pass' })
      expect(await answer({}, call('POST /containers/web/start', undefined, hidden))).toEqual({
        kind: 'pass',
      })
    })

    describe('validates what others have made of a request', () => {
      const final = (line: string, body?: unknown) => ({
        ...call(line, body),
        type: 'validate-hook' as const,
      })

      test('a privilege that a later adapter has put in', async () => {
        const given = final(CREATE, { Image: 'busybox', HostConfig: { Privileged: true } })
        expect(await answer({}, given)).toMatchObject({ kind: 'deny', reason: 'PS-PRIV-001' })
      })

      test.each([
        [CREATE, { Image: 'busybox' }, { Image: 'busybox', Labels: mine }],
        ['POST /networks/create', { Name: 'n' }, { Name: 'n', Labels: mine }],
        [
          'POST /services/create',
          { Name: 's', Labels: mine, TaskTemplate: { ContainerSpec: {} } },
          { Name: 's', Labels: mine, TaskTemplate: { ContainerSpec: { Labels: mine } } },
        ],
      ])('%s without the owner’s mark', async (line, without, marked) => {
        const policy = { ...owner, swarm: 'services' }
        expect(await answer(policy, final(line, without))).toMatchObject({
          kind: 'deny',
          reason: 'PS-TIME-004',
        })
        expect(await answer(policy, final(line, marked))).toEqual({ kind: 'pass' })
      })

      test('a list, a commit and a build without the owner’s mark', async () => {
        const policy = { ...owner, builds: true }
        for (const line of ['GET /containers/json', 'POST /commit?container=web', 'POST /build?t=x']) {
          expect(await answer(policy, final(line))).toMatchObject({ kind: 'deny', reason: 'PS-TIME-004' })
          const first = await answer(policy, call(line))
          const { target } = first as { target: string }
          expect(
            await answer(policy, final(line.replace(/ .*/, ` ${target.slice('/v1.45'.length)}`))),
          ).toEqual({
            kind: 'pass',
          })
        }
      })
    })
  })

  test('an engine that cannot be asked is a failure', async () => {
    const cut = sandbox.create({ engine: 'unix:///nowhere.sock', owner: 'team' })
    await expect(
      cut.pre({ method: 'POST', target: '/containers/web/stop', body: null }, new AbortController().signal),
    ).rejects.toThrow('nowhere')
  })
})

describe('addresses of new networks', () => {
  test.each([
    ['10.0.0.0/8', true],
    ['10.255.255.0/24', true],
    ['172.31.0.0/16', true],
    ['192.168.7.1/32', true],
    ['fd12:3456::/64', true],
    ['10.0.0.0/7', false],
    ['172.32.0.0/16', false],
    ['0.0.0.0/0', false],
    ['::/0', false],
    ['::ffff:10.0.0.0/104', false],
    ['2001:db8::/64', false],
    ['010.0.0.0/8', false],
    ['10.0.0.0', false],
    ['10.0.0.0/8 ', false],
    ['10.0.0.0/08/8', false],
  ])('%s', async (Subnet, allowed) => {
    for (const key of ['Subnet', 'IPRange'])
      expect(
        await rulesMet({}, 'POST /networks/create', { Name: 'n', IPAM: { Config: [{ [key]: Subnet }] } }),
      ).toEqual(allowed ? [] : ['PS-NET-004'])
  })

  test('are those that the policy names', async () => {
    const asked = (Subnet: string) =>
      rulesMet({ subnets: ['203.0.113.0/24'] }, 'POST /networks/create', {
        Name: 'n',
        IPAM: { Config: [{ Subnet }] },
      })
    expect(await asked('203.0.113.128/25')).toEqual([])
    expect(await asked('10.0.0.0/24')).toEqual(['PS-NET-004'])
  })
})

describe('settings', () => {
  test.each([
    [{ unheard: 1 }, 'there is no option "unheard"'],
    [{ preset: 'lax' }, '"preset": is one of readonly, ci, agent'],
    [{ mode: 'off' }, '"mode": is one of enforce, report'],
    [{ mounts: ['srv'] }, '"mounts"'],
    [{ mounts: ['/srv/..'] }, '"mounts"'],
    [{ registries: ['acme'] }, 'write docker.io/acme'],
    [{ privileged: 'yes' }, '"privileged": is true or false'],
    [{ capabilities: 'ALL' }, '"capabilities": is a list of texts'],
    [{ owner: 'a b' }, '"owner"'],
    [{ subnets: ['10.0.0.0'] }, '"subnets"'],
    [{ subnets: ['10.0.0.0/33'] }, '"subnets"'],
  ])('%j', (configured, message) => {
    expect(() => sandbox.create(configured)).toThrow(message)
  })

  test('presets use settings that there are', () => {
    for (const preset of Object.keys(PRESETS)) expect(() => sandbox.create({ preset })).not.toThrow()
  })
})

describe('the README', () => {
  const text = readFileSync('adapters/sandbox/README.md', 'utf8')

  test('names every setting and every rule', () => {
    for (const name of Object.keys(DEFAULTS)) expect(text).toContain(`\`${name}\``)
    for (const id of [...Object.keys(RULES), ...Object.keys(KEPT_ELSEWHERE)]) expect(text).toContain(id)
  })

  test.each([...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((block) => [block[1]!]))(
    'has a good example: %s',
    (yaml) => {
      const parsed = parseConfig(yaml, 'adapters.yml', { builtIns: ['sandbox'] })
      if (!parsed.ok) throw new Error(parsed.failure.map(({ message }) => message).join('\n'))
      for (const adapter of parsed.value.config.adapters.values())
        if (adapter.kind === 'in-process') expect(sandbox.create(adapter.settings.with).name).toBe('sandbox')
    },
  )

  test('shows a refusal as it is', async () => {
    const outcome = await ask({}, CREATE, { Image: 'busybox', HostConfig: { Privileged: true } })
    expect(text).toContain(`denied by adapter "sandbox": ${(outcome as { message: string }).message}.`)
  })
})

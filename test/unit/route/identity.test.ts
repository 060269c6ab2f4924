import Docker from 'dockerode'
import fc from 'fast-check'
import { identify, type Route } from '../../../src/route/identity.ts'
import type { Operation } from '../../../src/route/operation.ts'
import { OPERATIONS } from '../../../src/route/operations.ts'
import { ENGINE_ROUTES, routeByEngine } from './engine-routes.ts'

const operations: readonly Operation[] = OPERATIONS

function routeOf(method: string, target: string): Route {
  const route = identify(method, target)
  if (!route.ok) throw new Error(`${method} ${target} was refused: ${route.failure.rule}`)
  return route.value
}

function ruleFor(method: string, target: string): string | undefined {
  const route = identify(method, target)
  return route.ok ? undefined : route.failure.rule
}

/** A path of this operation with the given name in it. */
function pathOf({ path }: Operation, name = 'web'): string {
  return path.replaceAll(/\{[^}]+\}/g, name)
}

const anyOperation = fc.constantFrom(...operations)
const anyVersion = fc.constantFrom('', '/v1.24', '/v1.41', '/v1.56', '/v2.0', '/v10.0')

describe('the identity of a request', () => {
  test('has the operation, the version, the path in three forms, the query and the names', () => {
    expect(identify('GET', '/v1.41/images/r.io%2Fteam/app:1/json?manifests=1')).toEqual({
      ok: true,
      value: {
        operation: operations.find((operation) => operation.id === 'ImageInspect'),
        version: '1.41',
        path: '/images/r.io/team/app:1/json',
        versionedPath: '/v1.41/images/r.io/team/app:1/json',
        rawPath: '/v1.41/images/r.io%2Fteam/app:1/json',
        query: 'manifests=1',
        params: { name: 'r.io/team/app:1' },
      },
    })
  })

  test('is found for every operation in every version and without one', () => {
    fc.assert(
      fc.property(anyOperation, anyVersion, (operation, version) => {
        const route = routeOf(operation.method, version + pathOf(operation))
        expect(route.operation?.id).toBe(operation.id)
        expect(route.version).toBe(version === '' ? undefined : version.slice(2))
        expect(route.versionedPath).toBe(version + route.path)
      }),
    )
  })

  test('is unknown for other paths, other methods, and what only debugging asks for', () => {
    for (const [method, target] of [
      ['GET', '/'],
      ['GET', '/debug/pprof/cmdline'],
      ['GET', '/libpod/_ping'],
      ['POST', '/v5.3.1/libpod/containers/create'],
      ['POST', '/containers/json'],
      ['PATCH', '/containers/json'],
      ['HEAD', '/containers/json'],
      ['GET', '/Containers/json'],
      ['GET', '/containers/constructor'],
      ['GET', '/containers/json/'],
      ['GET', '/v1.41'],
      ['GET', '/v1.41/'],
      ['GET', '/V1.41/containers/json'],
      ['GET', '/v1.41/v1.41/containers/json'],
    ] as const)
      expect([target, routeOf(method, target).operation]).toEqual([target, undefined])
  })

  test('keeps an empty query and none apart from nothing', () => {
    expect(routeOf('GET', '/info?')).toEqual({ ...routeOf('GET', '/info') })
    expect(routeOf('GET', '/info?a?b').query).toBe('a?b')
  })
})

describe('names in a path (PS-PATH-005)', () => {
  test.each([
    ['GET', '/containers/a/b/json', 'ContainerInspect', { id: 'a/b' }],
    ['GET', '/images/a/b/c/json', 'ImageInspect', { name: 'a/b/c' }],
    ['GET', '/images/json/json', 'ImageInspect', { name: 'json' }],
    ['POST', '/containers/create', 'ContainerCreate', {}],
    ['DELETE', '/containers/create', 'ContainerDelete', { id: 'create' }],
    ['POST', '/containers/create/start', 'ContainerStart', { id: 'create' }],
    ['DELETE', '/containers/a/checkpoints/b', 'CheckpointDelete', { id: 'a', checkpoint: 'b' }],
    ['DELETE', '/containers/a/b/checkpoints/c', 'ContainerDelete', { id: 'a/b/checkpoints/c' }],
    ['GET', '/containers/a/attach/ws', 'ContainerAttachWebsocket', { id: 'a' }],
    ['GET', '/networks', 'NetworkList', {}],
    ['GET', '/networks/', 'NetworkList', {}],
    ['GET', '/networks/a/', 'NetworkInspect', { id: 'a/' }],
    ['GET', '/volumes/', 'VolumeInspect', { name: '' }],
    ['DELETE', '/images/', 'ImageDelete', { name: '' }],
    ['OPTIONS', '/anything/at/all', 'Options', { path: 'anything/at/all' }],
    ['OPTIONS', '/', 'Options', { path: '' }],
  ])('%s %s is %s', (method, target, id, params) => {
    const route = routeOf(method, target)
    expect([route.operation?.id, route.params]).toEqual([id, params])
  })

  test.each([
    ['GET', '/services/a/b'],
    ['GET', '/containers/attach/ws'],
    ['POST', '/secrets/a/b/update'],
    ['GET', '/nodes/'],
  ])('%s %s is unknown: these names hold no slash, or stand nowhere', (method, target) => {
    expect(routeOf(method, target).operation).toBeUndefined()
  })

  test("lead to the operation that the engine's router chooses, whatever the words", () => {
    const words = new Set(ENGINE_ROUTES.flatMap((route) => route.template.split('/').filter(Boolean)))
    const word = fc.constantFrom('a', 'b.c', 'é', ...[...words].filter((one) => !one.startsWith('{')))
    const path = fc
      .tuple(fc.array(word, { minLength: 1, maxLength: 6 }), fc.constantFrom('', '', '', '/'))
      .map(([parts, end]) => `/${parts.join('/')}${end}`)
    const method = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS')
    fc.assert(
      fc.property(method, path, (verb, clean) => {
        const route = routeOf(verb, encodeURI(clean))
        const found = route.operation && { id: route.operation.id, params: route.params }
        expect(found).toEqual(routeByEngine(verb, clean))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('PS-PATH-001: escapes', () => {
  const encoded = fc
    .tuple(anyOperation, anyVersion, fc.array(fc.constantFrom('no', 'upper', 'lower'), { minLength: 60 }))
    .map(([operation, version, how]) => {
      const plain = version + pathOf(operation, 'Web-1.2')
      const spelled = Array.from(plain, (character, index) => {
        const hex = character.charCodeAt(0).toString(16)
        const spelling = how[index] ?? 'no'
        // The slash at the start makes it a path at all.
        if (index === 0 || spelling === 'no') return character
        return `%${spelling === 'upper' ? hex.toUpperCase() : hex}`
      }).join('')
      return { operation, plain, spelled }
    })

  test('do not change the identity, slashes and version among them', () => {
    fc.assert(
      fc.property(encoded, ({ operation, plain, spelled }) => {
        expect(routeOf(operation.method, spelled)).toEqual({
          ...routeOf(operation.method, plain),
          rawPath: spelled,
        })
      }),
    )
  })

  test('are decoded once', () => {
    expect(routeOf('GET', '/containers/a%2541/json').params).toEqual({ id: 'a%41' })
    expect(routeOf('POST', '/containers/%2563reate').operation).toBeUndefined()
  })

  test.each(['/containers/%', '/containers/a%2/json', '/containers/%zz/json', '/containers/%%41/json'])(
    'that are broken are refused: %s',
    (target) => {
      expect(ruleFor('GET', target)).toBe('PS-PATH-001')
    },
  )
})

describe('PS-PATH-002: the spelling of the version', () => {
  test.each([
    '/v1',
    '/v1.',
    '/v.41',
    '/v1.41.',
    '/v1..41',
    '/v1.41.0',
    '/v01.41',
    '/v1.041',
    '/v1.00',
    '/v.',
    '/v..',
    '/v1.41.0.0',
    '/%76%31.41.',
  ])('%s is refused', (prefix) => {
    expect(ruleFor('POST', `${prefix}/containers/create`)).toBe('PS-PATH-002')
  })

  test('is either plain or refused, whatever digits and dots', () => {
    const digitsAndDots = fc.string({
      unit: fc.constantFrom('0', '1', '2', '9', '.'),
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(digitsAndDots, (version) => {
        const route = identify('POST', `/v${version}/containers/create`, { minApiVersion: '0.0' })
        if (!route.ok) return expect(route.failure).toMatchObject({ rule: 'PS-PATH-002', status: 400 })
        expect(route.value.operation?.id).toBe('ContainerCreate')
        const [major, minor] = version.split('.').map(Number)
        expect(`${major}.${minor}`).toBe(version)
      }),
      { numRuns: 1000 },
    )
  })

  test('has three parts before /libpod/ and nowhere else', () => {
    expect(routeOf('GET', '/v5.3.1/libpod/info')).toMatchObject({ version: '5.3.1', path: '/libpod/info' })
    expect(routeOf('GET', '/v1.41/libpod/info')).toMatchObject({ version: '1.41', path: '/libpod/info' })
    for (const prefix of ['/v5.3.01', '/v5.3.1.0', '/v5.3.1.'])
      expect(ruleFor('GET', `${prefix}/libpod/info`)).toBe('PS-PATH-002')
    expect(ruleFor('GET', '/v5.3.1/libpodx/info')).toBe('PS-PATH-002')
  })

  test('ends where the engine sees no version: then the path is just unknown', () => {
    for (const target of ['/v1.41x/info', '/v/info', '/v1-41/info', '/volumes/v1.41.', '/v1.41.'])
      expect(ruleFor('GET', target)).toBeUndefined()
  })
})

describe('PS-PATH-003: unclean paths', () => {
  const dirt = fc.constantFrom('/', '/.', '/..', '/%2e', '/%2E%2e', '/.%2e', '%2f', '%2F.', '/./..')

  test('are refused wherever the dirt is', () => {
    fc.assert(
      fc.property(anyOperation, anyVersion, dirt, fc.nat(), (operation, version, extra, where) => {
        const clean = version + pathOf(operation)
        const slashes = [...clean.matchAll(/\//g)].map((match) => match.index)
        const at = slashes[where % slashes.length]!
        const unclean = clean.slice(0, at) + extra + clean.slice(at)
        // What begins with an escape is no path at all.
        const rule = unclean.startsWith('/') ? 'PS-PATH-003' : 'PS-PATH-004'
        expect([unclean, ruleFor(operation.method, unclean)]).toEqual([unclean, rule])
      }),
    )
  })

  test.each(['//', '/.', '/..', '/containers/..', '/containers/.', '/containers/json//', '//v1.16//info'])(
    '%s is refused',
    (target) => {
      expect(ruleFor('GET', target)).toBe('PS-PATH-003')
    },
  )

  test('do not include dots within a name', () => {
    expect(routeOf('GET', '/containers/.a/json').params).toEqual({ id: '.a' })
    expect(routeOf('GET', '/containers/.../json').params).toEqual({ id: '...' })
    expect(routeOf('GET', '/containers/a../json').params).toEqual({ id: 'a..' })
  })
})

describe('PS-PATH-004: other forms of a target', () => {
  test.each(['http://x/containers/json', '*', 'x:80', '', '?a=1', 'containers/json', '%2Fcontainers/json'])(
    '%j is refused',
    (target) => {
      expect(ruleFor('GET', target)).toBe('PS-PATH-004')
    },
  )
})

describe('PS-PATH-006: bad bytes in the path', () => {
  test.each([
    ['an encoded NUL', '%00'],
    ['an encoded line break', '%0a'],
    ['an encoded DEL', '%7F'],
    ['a lone continuation byte', '%80'],
    ['an overlong slash', '%c0%af'],
    ['an encoded surrogate', '%ed%a0%80'],
    ['half a character', '%e2%82'],
    ['a number sign', '#'],
    ['a backslash', '\\'],
    ['a latin1 byte', '\xe9'],
    ['a character', 'é€'],
    ['a space', ' '],
    ['a tab', '\t'],
  ])('%s is refused', (_, bad) => {
    expect(ruleFor('GET', `/containers/a${bad}b/json`)).toBe('PS-PATH-006')
  })

  test('encoded UTF-8 is a name like any other', () => {
    expect(routeOf('GET', '/networks/b%C3%BCro').params).toEqual({ id: 'büro' })
  })
})

describe('PS-PATH-007: the oldest API version', () => {
  test('is 1.24', () => {
    expect(ruleFor('POST', '/v1.23/containers/a/start')).toBe('PS-PATH-007')
    expect(ruleFor('POST', '/v1.9/containers/a/start')).toBe('PS-PATH-007')
    expect(ruleFor('POST', '/v0.99/containers/a/start')).toBe('PS-PATH-007')
    expect(ruleFor('POST', '/v1.24/containers/a/start')).toBeUndefined()
    expect(ruleFor('POST', '/containers/a/start')).toBeUndefined()
  })

  test('is another one where the configuration says so', () => {
    expect(identify('GET', '/v1.12/info', { minApiVersion: '1.12' }).ok).toBe(true)
    expect(identify('GET', '/v1.43/info', { minApiVersion: '1.44' })).toMatchObject({
      ok: false,
      failure: { rule: 'PS-PATH-007', status: 400 },
    })
  })

  test('compares numbers, not text', () => {
    const part = fc.nat({ max: 120 })
    fc.assert(
      fc.property(part, part, part, part, (major, minor, oldMajor, oldMinor) => {
        const route = identify('GET', `/v${major}.${minor}/info`, {
          minApiVersion: `${oldMajor}.${oldMinor}`,
        })
        expect(route.ok).toBe(major > oldMajor || (major === oldMajor && minor >= oldMinor))
      }),
    )
  })
})

/** One known key of an operation, and the path of the operation. */
function keysWhere(holds: (kind: string) => boolean): fc.Arbitrary<{ operation: Operation; key: string }> {
  const known = operations.flatMap((operation) =>
    Object.entries(operation.query).flatMap(([key, kind]) => (holds(kind) ? [{ operation, key }] : [])),
  )
  return fc.constantFrom(...known)
}

const percentEncoded = (text: string): string =>
  Array.from(text, (character) => `%${character.charCodeAt(0).toString(16)}`).join('')

describe('PS-QUERY-001: repeated keys', () => {
  const spelling = fc.constantFrom((text: string) => text, percentEncoded)
  const between = fc.constantFrom('&', '&&', '&other=1&')

  test('are refused, in whatever spelling', () => {
    fc.assert(
      fc.property(
        keysWhere((kind) => kind !== 'array'),
        spelling,
        spelling,
        between,
        ({ operation, key }, first, second, gap) => {
          const query = `${first(key)}=1${gap}${second(key)}`
          expect(ruleFor(operation.method, `${pathOf(operation)}?${query}`)).toBe('PS-QUERY-001')
        },
      ),
    )
  })

  test('are refused without values too', () => {
    for (const query of ['all&all=1', 'all=1&all', 'all&all', '&all&&%61ll='])
      expect([query, ruleFor('GET', `/containers/json?${query}`)]).toEqual([query, 'PS-QUERY-001'])
  })

  test('are fine where they make a list', () => {
    fc.assert(
      fc.property(
        keysWhere((kind) => kind === 'array'),
        ({ operation, key }) => {
          expect(ruleFor(operation.method, `${pathOf(operation)}?${key}=a&${key}=b&${key}=a`)).toBeUndefined()
        },
      ),
    )
  })

  test('are fine where the engine does not look at them, and where nobody knows the operation', () => {
    expect(ruleFor('POST', '/containers/create?Cmd=echo&Cmd=hi')).toBeUndefined()
    expect(ruleFor('POST', '/v5.3.1/libpod/build?t=a&t=b&layers=1')).toBeUndefined()
  })

  test('do not include a key and its like', () => {
    expect(ruleFor('GET', '/containers/json?all=1&allx=1&al=1')).toBeUndefined()
    expect(ruleFor('GET', '/containers/json?x=all&all=1&y=all=all')).toBeUndefined()
  })
})

describe('PS-QUERY-002: queries that readers take apart differently', () => {
  test.each(['a;b', 'all=1;all=0', 'a=%', 'a=%4', 'a=%zz', '%=1', 'a=%u0041'])('%s is refused', (query) => {
    expect(ruleFor('GET', `/containers/json?${query}`)).toBe('PS-QUERY-002')
    expect(ruleFor('GET', `/unheard/of?${query}`)).toBe('PS-QUERY-002')
  })
})

describe('PS-QUERY-003: keys in other case', () => {
  test('are refused', () => {
    fc.assert(
      fc.property(
        keysWhere(() => true),
        fc.array(fc.boolean(), { minLength: 30 }),
        fc.boolean(),
        ({ operation, key }, upper, encode) => {
          const other = Array.from(key, (letter, at) =>
            upper[at] ? letter.toUpperCase() : letter.toLowerCase(),
          )
          const spelled = other.join('')
          fc.pre(spelled !== key)
          const query = `${encode ? percentEncoded(spelled) : spelled}=1`
          expect(ruleFor(operation.method, `${pathOf(operation)}?${query}`)).toBe('PS-QUERY-003')
        },
      ),
    )
  })

  test('are refused where only Unicode calls it case', () => {
    expect(ruleFor('POST', '/images/create?from%C5%BFrc=x')).toBe('PS-QUERY-003')
    expect(ruleFor('POST', '/containers/a/attach?detach%E2%84%AAeys=x')).toBe('PS-QUERY-003')
  })

  test('are named as the engine spells them', () => {
    expect(identify('POST', '/images/create?FromImage=x')).toMatchObject({
      failure: { message: expect.stringContaining('"fromImage"') },
    })
  })
})

/** Not in its types, but it is what every call goes through. */
interface DockerodeInside {
  readonly modem: { buildQuerystring(options: object): string }
}

describe('what clients send', () => {
  test.each([
    ['docker', 'HEAD', '/_ping'],
    ['docker', 'GET', '/v1.45/containers/json?all=1&filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%7D'],
    [
      'docker',
      'POST',
      '/v1.45/build?t=a&t=b&buildargs=%7B%7D&version=2&session=x1&remote=client-session&rm=1',
    ],
    ['docker', 'POST', '/v1.45/images/create?fromImage=r.io%2Fteam%2Fapp&tag=1&platform='],
    ['docker', 'POST', '/v1.41/images/create?changes=CMD+sh&changes=ENV+A%3D1&fromSrc=-&repo=busybox'],
    ['docker', 'GET', '/v1.48/images/get?names=a&names=b&platform=%7B%7D'],
    ['docker', 'GET', '/v1.45/system/df?type=image&type=volume'],
    [
      'docker',
      'GET',
      '/v1.41/containers/x/logs?details=1&follow=1&since=1700000000.000000001&stderr=1&tail=all',
    ],
    ['docker', 'PUT', '/v1.45/containers/x/archive?noOverwriteDirNonDir=true&path=%2Ftmp'],
    [
      'compose',
      'GET',
      '/v1.44/events?filters=%7B%22label%22%3A%7B%22com.docker.compose.project%3Dp%22%3Atrue%7D%7D',
    ],
    ['buildx', 'POST', '/grpc'],
    ['buildx', 'POST', '/session'],
    ['docker-py', 'GET', '/v1.45/containers/json?limit=-1&all=1&size=0&trunc_cmd=0'],
    ['docker-py', 'POST', '/v1.45/commit?container=x&changes=CMD+sh&changes=USER+1&repo=None'],
    ['podman-remote', 'GET', '/libpod/_ping'],
    ['podman-remote', 'GET', '/v5.3.1/libpod/containers/json?all=true&namespace=false'],
    ['podman-remote', 'DELETE', '/v5.3.1/libpod/images/remove?images=a&images=b&force=false'],
    ['curl', 'GET', '/containers/json?filters={"label":["a=b"]}'],
    ['curl', 'GET', '/containers/json?'],
    ['Docker.DotNet', 'POST', '/containers/x/attach?stream=True&stdin=True&stdout=True'],
  ])('%s: %s %s', (_, method, target) => {
    expect(ruleFor(method, target)).toBeUndefined()
  })

  test('dockerode repeats the JSON body in the query, lists as repeated keys', () => {
    const { modem } = new Docker({ socketPath: '/nowhere' }) as unknown as DockerodeInside
    const query = modem.buildQuerystring({
      name: 'web',
      Image: 'busybox',
      Cmd: ['sh', '-c', 'sleep 1 && echo "done; really" 100%'],
      Env: ['A=1', 'B=2'],
      HostConfig: { Binds: ['/a:/b', '/c:/d'] },
    })
    expect(query).toContain('Cmd=sh&Cmd=-c&Cmd=')
    expect(routeOf('POST', `/containers/create?${query}`).operation?.id).toBe('ContainerCreate')
  })
})

test('every refusal is a 400 that says what is accepted, in one sentence', () => {
  for (const target of ['x', '//', '/%', '/%00', '/v1./x', '/v1.1/x', '/info?;', '/events?since=1&since=2']) {
    const route = identify('GET', target)
    expect(route).toMatchObject({ ok: false, failure: { status: 400 } })
    expect(!route.ok && route.failure.message).toMatch(/^[^A-Z].{20,}[^.]$|^API/)
  }
})

import { datasetsAskedFor, mountDatasets } from './mounts.ts'

/** A request with its mounts rewritten, each dataset at `/vol/NAME`. */
function mounted(HostConfig: Record<string, unknown>) {
  const body = { Image: 'x', HostConfig }
  mountDatasets(body, (name) => `/vol/${name}`)
  return body.HostConfig
}

describe('a dataset is asked for by', () => {
  test.each([
    ['a bind', { Binds: ['/flocker/db:/data'] }],
    ['a read-only bind', { Binds: ['/flocker/db:/data:ro,z'] }],
    ['a bind with a slash too many', { Binds: ['/flocker//db/:/data'] }],
    ['a bind by a detour', { Binds: ['/srv/../flocker/./db:/data'] }],
    ['a mount', { Mounts: [{ Type: 'bind', Source: '/flocker/db', Target: '/data' }] }],
    ['the volume driver', { VolumeDriver: 'flocker', Binds: ['db:/data'] }],
    [
      'a mount with the volume driver',
      {
        Mounts: [
          {
            Type: 'volume',
            Source: 'db',
            Target: '/data',
            VolumeOptions: { DriverConfig: { Name: 'flocker' } },
          },
        ],
      },
    ],
    ['two binds at once', { Binds: ['/flocker/db:/data', '/flocker/db:/backup:ro'] }],
  ])('%s', (_how, host) => {
    expect(datasetsAskedFor(host)).toEqual({ names: ['db'] })
  })

  test('names in the order of the request, each once', () => {
    const host = {
      Binds: ['/flocker/b:/1', '/srv:/2', '/flocker/a:/3', '/flocker/b:/4'],
      Mounts: [{ Type: 'bind', Source: '/flocker/c', Target: '/5' }],
    }
    expect(datasetsAskedFor(host)).toEqual({ names: ['b', 'a', 'c'] })
  })

  test('any name of 1 to 256 characters that is one part of a path', () => {
    for (const name of ['a', 'A name, with "signs"', '…'.repeat(256), '.hidden'])
      expect(datasetsAskedFor({ Binds: [`/flocker/${name}:/data`] })).toEqual({ names: [name] })
  })
})

test.each([
  ['nothing', null],
  ['no binds', {}],
  ['null for binds', { Binds: null, Mounts: null }],
  [
    'other binds',
    { Binds: ['/srv:/srv', '/flockers/db:/x', '/srv/flocker/db:/y', 'db:/data', '/flocker/../etc:/z'] },
  ],
  ['an unnamed volume there', { Binds: ['/flocker/db'] }],
  ['what is no bind', { Binds: [7, null, ':/data', ''], Mounts: ['x', null] }],
  ['other volumes', { Mounts: [{ Type: 'volume', Source: 'db', Target: '/data' }] }],
  ['memory file systems', { Mounts: [{ Type: 'tmpfs', Target: '/flocker/db' }] }],
])('%s asks for no dataset, and stays as it is', (_what, host) => {
  expect(datasetsAskedFor(host as never)).toEqual({ names: [] })
  if (host !== null) expect(mounted(structuredClone(host) as never)).toEqual(host)
})

test.each([
  [
    'a path within a dataset',
    { Binds: ['/flocker/db/sub:/data'] },
    'only a whole dataset can be mounted: /flocker/db',
  ],
  ['the folder of all datasets', { Binds: ['/flocker:/data'] }, 'names no dataset'],
  ['the folder with a slash', { Binds: ['/flocker/:/data'] }, 'names no dataset'],
  ['257 characters', { Binds: [`/flocker/${'x'.repeat(257)}:/data`] }, 'at most 256 characters'],
  ['a control character', { Binds: ['/flocker/a\nb:/data'] }, 'control character'],
  ['a path as a volume', { VolumeDriver: 'flocker', Binds: ['db/sub:/data'] }, 'only a whole dataset'],
  [
    'a part of a volume',
    {
      Mounts: [
        {
          Type: 'volume',
          Source: 'db',
          Target: '/d',
          VolumeOptions: { Subpath: 'sub', DriverConfig: { Name: 'flocker' } },
        },
      ],
    },
    'only a whole dataset',
  ],
  [
    'a volume without a name',
    { Mounts: [{ Type: 'volume', Target: '/d', VolumeOptions: { DriverConfig: { Name: 'flocker' } } }] },
    'names no dataset; write source=NAME',
  ],
  [
    'options for the driver',
    {
      Mounts: [
        {
          Type: 'volume',
          Source: 'db',
          Target: '/d',
          VolumeOptions: { DriverConfig: { Name: 'flocker', Options: { size: '1G' } } },
        },
      ],
    },
    'takes none',
  ],
])('%s is refused', (_what, host, problem) => {
  expect(datasetsAskedFor(host as never)).toEqual({ problem: expect.stringContaining(problem) })
})

describe('with the datasets in place', () => {
  test('binds keep their order, the others all they say, and each its own rest', () => {
    const Binds = [
      '/srv:/srv',
      '/flocker/a:/1:ro',
      'named:/2',
      '/flocker/b:/3:rw,rshared',
      '/flocker/a:/4',
      '/only',
    ]
    expect(mounted({ Memory: 5, Binds })).toEqual({
      Memory: 5,
      Binds: ['/srv:/srv', '/vol/a:/1:ro', 'named:/2', '/vol/b:/3:rw,rshared', '/vol/a:/4', '/only'],
    })
  })

  test('mounts keep what a bind has', () => {
    const bind = { Type: 'bind', Target: '/1', ReadOnly: true, BindOptions: { Propagation: 'rslave' } }
    const volume = { Type: 'volume', Source: 'b', Target: '/2', Consistency: 'cached' }
    const VolumeOptions = { NoCopy: true, DriverConfig: { Name: 'flocker' } }
    const other = { Type: 'volume', Source: 'plain', Target: '/3' }
    expect(
      mounted({ Mounts: [{ ...bind, Source: '/flocker/a' }, { ...volume, VolumeOptions }, other] }),
    ).toEqual({
      Mounts: [
        { ...bind, Source: '/vol/a' },
        { Type: 'bind', Source: '/vol/b', Target: '/2', Consistency: 'cached' },
        other,
      ],
    })
  })

  test('the volume driver is gone, and what only volumes understand', () => {
    expect(
      mounted({ VolumeDriver: 'flocker', Binds: ['a:/1', 'b:/2:nocopy', 'c:/3:ro,nocopy', '/srv:/4'] }),
    ).toEqual({ VolumeDriver: '', Binds: ['/vol/a:/1', '/vol/b:/2', '/vol/c:/3:ro', '/srv:/4'] })
  })
})

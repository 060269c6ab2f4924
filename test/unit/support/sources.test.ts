import { parseDeb822, parseList, releaseSources, stanzaFor } from '../../support/engine/sources.ts'

describe('a .sources file', () => {
  const text = [
    '# the mirror of this house',
    'Types: deb deb-src',
    'URIs: http://mirror.invalid/debian',
    '# not deb-src',
    'Suites: bookworm bookworm-updates',
    'Components: main contrib',
    'Signed-By:',
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
    ' .',
    ' mQENBF',
    'Check-Valid-Until: no',
    '',
    'Types: deb-src',
    'URIs: http://mirror.invalid/only-sources',
    'Suites: bookworm',
    '',
    'Enabled: no',
    'Types: deb',
    'URIs: http://mirror.invalid/switched-off',
    'Suites: bookworm',
  ].join('\n')

  test('gives the places of binary packages that are switched on', () => {
    expect(parseDeb822(text).map(({ uri, suites }) => ({ uri, suites }))).toEqual([
      { uri: 'http://mirror.invalid/debian', suites: ['bookworm', 'bookworm-updates'] },
    ])
  })

  test('is written for another suite with its key and options kept', () => {
    expect(parseDeb822(text).map((source) => stanzaFor(source, 'trixie'))).toEqual([
      [
        'Types: deb',
        'URIs: http://mirror.invalid/debian',
        'Suites: trixie',
        'Components: main',
        'signed-by:',
        ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
        ' .',
        ' mQENBF',
        'check-valid-until: no',
        '',
      ].join('\n'),
    ])
  })
})

describe('a .list file', () => {
  const text = [
    '# deb http://mirror.invalid/comment bookworm main',
    'deb-src http://mirror.invalid/debian bookworm main',
    'deb [arch=amd64,arm64 signed-by=/etc/apt/a.gpg,/etc/apt/b.gpg trusted=yes] https://mirror.invalid/debian bookworm main',
    'deb http://mirror.invalid/plain bookworm-security main',
  ].join('\n')

  test('gives the places of binary packages', () => {
    expect(parseList(text).map(({ uri, suites }) => ({ uri, suites }))).toEqual([
      { uri: 'https://mirror.invalid/debian', suites: ['bookworm'] },
      { uri: 'http://mirror.invalid/plain', suites: ['bookworm-security'] },
    ])
  })

  test('has its options turned into fields', () => {
    const [source] = parseList(text)
    expect(stanzaFor(source!, 'trixie').split('\n').slice(4)).toEqual([
      'signed-by: /etc/apt/a.gpg /etc/apt/b.gpg',
      'trusted: yes',
      '',
    ])
  })
})

test('only sources of a whole release can carry another one, the machine’s own release first', () => {
  const list = [
    'updates bookworm-updates',
    'vendor nodistro',
    'moving stable',
    'own bookworm',
    'sec bookworm-security',
  ]
  const sources = parseList(
    list.map((line) => `deb http://${line.replace(' ', '.invalid ')} main`).join('\n'),
  )
  expect(releaseSources(sources, 'bookworm').map(({ uri }) => uri)).toEqual([
    'http://own.invalid',
    'http://moving.invalid',
  ])
})

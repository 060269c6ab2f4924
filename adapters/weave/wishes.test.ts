import { overlap, planSubnet } from './cidr.ts'
import { readWishes, wordFor } from './wishes.ts'

const TERMS = { subnet: '10.32.0.0/12', allocateByDefault: false }

function words(env: unknown, terms = TERMS): readonly string[] | string {
  const wishes = readWishes(env, terms)
  return wishes.ok ? wishes.value.map(wordFor) : wishes.failure
}

describe('3.1 WEAVE_CIDR', () => {
  test.each([
    ['a bare address', '10.2.1.3/24', ['10.2.1.3/24']],
    ['ip:', 'ip:10.2.1.3/24', ['10.2.1.3/24']],
    ['net:', 'net:10.2.1.0/24', ['net:10.2.1.0/24']],
    ['net:default', 'net:default', ['net:10.32.0.0/12']],
    ['an empty value', '', ['net:10.32.0.0/12']],
    ['white space and nothing else', ' \t', ['net:10.32.0.0/12']],
    ['none', 'none', []],
    ['several, by white space', '10.2.1.3/24 net:10.3.0.0/16', ['10.2.1.3/24', 'net:10.3.0.0/16']],
    ['several, by commas', '10.2.1.3/24,net:10.3.0.0/16', ['10.2.1.3/24', 'net:10.3.0.0/16']],
    ['several, by both', ' 10.2.1.3/24 ,\t net:default,', ['10.2.1.3/24', 'net:10.32.0.0/12']],
    ['the same twice', '10.2.1.3/24 ip:10.2.1.3/24', ['10.2.1.3/24']],
  ])('%s', (_what, value, expected) => {
    expect(words(['A=1', `WEAVE_CIDR=${value}`])).toEqual(expected)
  })

  test.each([
    ['no list', null],
    ['an empty list', []],
    ['other variables', ['WEAVE_CIDRS=10.2.1.3/24', 'A=WEAVE_CIDR=10.2.1.3/24']],
    ['the variable taken away', ['WEAVE_CIDR=10.2.1.3/24', 'WEAVE_CIDR']],
    ['entries that are no text', [7, null, {}]],
  ])('%s: nothing is asked for, unless allocation is the default', (_what, env) => {
    expect(words(env)).toEqual([])
    expect(words(env, { ...TERMS, allocateByDefault: true })).toEqual(['net:10.32.0.0/12'])
  })

  test('none holds where allocation is the default too', () => {
    expect(words(['WEAVE_CIDR=none'], { ...TERMS, allocateByDefault: true })).toEqual([])
  })

  test('the last of several variables counts', () => {
    expect(words(['WEAVE_CIDR=none', 'WEAVE_CIDR=10.2.1.3/24'])).toEqual(['10.2.1.3/24'])
  })

  test.each([
    '10.2.1.3',
    '10.2.1/24',
    '10.2.1.3.4/24',
    '10.2.1.256/24',
    '10.2.1.03/24',
    '10.2.1.3/33',
    '10.2.1.3/2 4',
    '10.2.1.3/24=x',
    'ip:',
    'ip:default',
    'net:10.2.1.0',
    'dns:10.2.1.3/24',
    'fe80::1/64',
    'None',
    '$(reboot)',
    '10.2.1.3/24;reboot',
  ])('%j is refused, with what is accepted', (value) => {
    expect(words([`WEAVE_CIDR=${value}`])).toMatch(
      /^WEAVE_CIDR names ".*", which means nothing; write 10\.2\.1\.3\/24 or ip:.*net:default, or none$/,
    )
  })

  test.each([
    ['10.2.1.0/24', 'the first or last address of 10.2.1.0/24'],
    ['10.2.1.255/24', 'the first or last address of 10.2.1.0/24'],
    ['net:10.2.1.3/24', 'write net:10.2.1.0/24 or ip:10.2.1.3/24'],
    ['none,10.2.1.3/24', 'which stands alone or not at all'],
  ])('%s is refused', (value, why) => {
    expect(words([`WEAVE_CIDR=${value}`])).toContain(why)
  })
})

test.each([
  ['10.2.1.0/24', '10.2.1.254', '10.2.1.128/25'],
  ['10.32.0.0/12', '10.47.255.254', '10.40.0.0/13'],
  ['10.0.0.0/8', '10.255.255.254', '10.128.0.0/9'],
  ['192.168.7.8/30', '192.168.7.10', undefined],
])(
  'the gateway of %s is its last address, and what is given out comes from its upper half',
  (subnet, gateway, range) => {
    expect(planSubnet(subnet)).toEqual({ gateway, range })
  },
)

test.each([
  ['10.2.1.0/24', '10.2.0.0/16', true],
  ['10.2.0.0/16', '10.2.1.0/24', true],
  ['10.2.1.0/24', '10.2.1.0/24', true],
  ['10.2.1.0/24', '10.2.2.0/24', false],
  ['0.0.0.0/0', '255.255.255.255/32', true],
  ['10.2.1.0/24', 'fe80::/64', false],
  ['10.2.1.0/24', '', false],
])('%s and %s overlap: %s', (one, other, expected) => {
  expect(overlap(one, other)).toBe(expected)
})

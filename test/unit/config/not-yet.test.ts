import { NOT_YET } from '../../../src/config/not-yet.ts'
import { parseConfig } from '../../../src/config/parse.ts'

/** A file that says what one entry of the list means, by the section that it belongs to. */
function fileWith(path: string): string {
  const [key = '', value] = path.split('=')
  const [section, ...rest] = key.split('.')
  const last = rest.at(-1) ?? ''
  const setting = `${last}: ${value ?? '{}'}`
  const sections: Record<string, string> = { adapters: 'a: { use: debug }', endpoints: '' }
  if (section === 'adapters') sections.adapters = `a: { use: debug, ${setting} }`
  else if (section === 'endpoints') sections.endpoints = `ContainerCreate: { ${last}: [a] }`
  else if (section === 'use') sections.endpoints = `ContainerCreate: { pre: [{ use: a, ${setting} }] }`
  else sections[section!] = rest.length === 0 ? '' : setting
  return ['version: 2', ...Object.entries(sections).map(([name, inner]) => `${name}: { ${inner} }`), ''].join(
    '\n',
  )
}

describe('what this release does not act upon', () => {
  test.each(NOT_YET)('%s is refused, and said to be the reason', (path) => {
    const parsed = parseConfig(fileWith(path), 'x.yml', { builtIns: ['debug'] })
    const problems = parsed.ok ? [] : parsed.failure
    expect(problems.filter(({ code }) => code === 'not-yet')).toHaveLength(1)
    expect(problems.find(({ code }) => code === 'not-yet')?.message).toContain('not supported yet')
  })

  test('is only what the list says', () => {
    const text = fileWith('use.onError')
    const parsed = parseConfig(text, 'x.yml', { builtIns: ['debug'], notYet: [] })
    expect((parsed.ok ? parsed.value.warnings : parsed.failure).map(({ code }) => code)).not.toContain(
      'not-yet',
    )
  })
})

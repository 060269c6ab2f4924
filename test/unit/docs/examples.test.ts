/** The examples in README and docs, run. Those of docs/config.md have a test of their own. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseConfig } from '../../../src/config/parse.ts'
import { judgeBody } from '../../../src/gate/request-body.ts'
import { admit } from '../../../src/route/admit.ts'
import {
  decodeHookCall,
  decodePostReply,
  decodePreReply,
  encodePostHook,
  encodePreHook,
} from '../../../src/wire/v1.ts'

function blocks(file: string, language: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!)
}

describe('README.md', () => {
  test('its configuration is good', () => {
    const [config] = blocks('README.md', 'yaml')
    const parsed = parseConfig(config!, 'adapters.yml', { builtIns: ['debug'] })
    expect(parsed.ok ? [] : parsed.failure).toEqual([])
  })

  test('every file that it links to is there', () => {
    const links = [...readFileSync('README.md', 'utf8').matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1]!)
    expect(links.length).toBeGreaterThan(4)
    for (const link of links) expect(readFileSync(link, 'utf8')).not.toBe('')
  })
})

describe('docs/protocol-v1.md', () => {
  const [pre, post, preReply, postReply] = blocks('docs/protocol-v1.md', 'json').map((block) => block.trim())
  const request = { method: 'POST', target: '/v1.41/containers/create?name=web', body: '{"Image":"nginx"}' }
  const response = { status: 201, contentType: 'application/json', body: '{"Id":"4f1"}' }

  test('shows the calls as they are sent', () => {
    expect(JSON.parse(encodePreHook(request))).toEqual(JSON.parse(pre!))
    expect(JSON.parse(encodePostHook(request, response))).toEqual(JSON.parse(post!))
  })

  test('shows calls that an adapter can read', () => {
    expect(decodeHookCall(pre!)).toEqual({ ok: true, value: { type: 'pre-hook', request } })
    expect(decodeHookCall(post!)).toEqual({ ok: true, value: { type: 'post-hook', request, response } })
  })

  test('shows replies that do what it says', () => {
    const labelled = decodePreReply({ status: 200, body: preReply }, request)
    expect(labelled).toMatchObject({
      ok: true,
      value: { outcome: { kind: 'replace', body: '{"Image":"nginx","Labels":{"team":"blue"}}' } },
    })
    const same = decodePostReply({ status: 200, body: postReply }, response)
    expect(same.ok).toBe(true)
  })
})

describe('docs/security.md', () => {
  test('shows a refusal as it is sent', () => {
    const [shown] = blocks('docs/security.md', 'json')
    const both = 'POST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'
    const admitted = admit(both, { minApiVersion: '1.24' })
    if (admitted.ok) throw new Error('this must be refused')
    const { message, rule } = admitted.failure
    expect(JSON.parse(shown!)).toEqual({ message: `${message} (${rule})` })
  })

  test('shows a refused body as it is refused', () => {
    const [, shown] = blocks('docs/security.md', 'json')
    const body = '{"Image":"busybox","HostConfig":{"Binds":[],"binds":["/:/host"]}}'
    const judged = judgeBody(body, 'ContainerCreate')
    if (judged.ok) throw new Error('this must be refused')
    const { message, rule } = judged.failure
    expect(JSON.parse(shown!)).toEqual({ message: `${message} (${rule})` })
  })

  test('names every rule that the code names', () => {
    const documented = readFileSync('docs/security.md', 'utf8')
    const named = new Set(
      sources('src', '.ts').flatMap((file) => readFileSync(file, 'utf8').match(/PS-[A-Z]+-[0-9]{3}/g) ?? []),
    )
    expect([...named].filter((id) => !documented.includes(id))).toEqual([])
  })

  test('and the README of the sandbox have for each rule a test that names it, and none names one that there is not', () => {
    const listed = ['docs/security.md', 'adapters/sandbox/README.md'].flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/^\| (PS-[A-Z]+-[0-9]{3}) \|/gm)].map((match) => match[1]!),
    )
    expect(listed.length).toBeGreaterThan(120)
    const named = new Set(
      [...sources('test', '.test.ts', '.yml'), ...sources('adapters', '.test.ts')].flatMap(
        (file) => readFileSync(file, 'utf8').match(/\bPS-[A-Z]+-[0-9]{3}\b/g) ?? [],
      ),
    )
    expect(listed.filter((id) => !named.has(id))).toEqual([])
    expect([...named].filter((id) => !listed.includes(id))).toEqual([])
  })

  function sources(folder: string, ...ends: readonly string[]): string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => ends.some((end) => name.endsWith(end)))
      .map((name) => `${folder}/${name}`)
  }
})

describe('the rules of docs/protocol-v2.md', () => {
  const published = [...readFileSync('docs/protocol-v2.md', 'utf8').matchAll(/^\| (V2-\d+\.\d+) \|/gm)].map(
    (match) => match[1]!,
  )
  /** Ids with which the title of a test begins: `V2-3.1, V2-3.2: what it shows`. */
  const tested = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(join('test', file), 'utf8').matchAll(
        /['"`]((?:[A-Z][0-9A-Z-]*(?:\.\d+)?, )*V2-\d+\.\d+(?:, V2-\d+\.\d+)*): /g,
      ),
    ])
    .flatMap((match) => match[1]!.match(/V2-\d+\.\d+/g)!)

  test('have ids of their own, in sections without a gap', () => {
    expect(new Set(published).size).toBe(published.length)
    const last = new Map<string, number>()
    for (const id of published) {
      const [section, number] = id.split('.') as [string, string]
      expect(Number(number)).toBe((last.get(section) ?? 0) + 1)
      last.set(section, Number(number))
    }
    expect(published.length).toBeGreaterThan(70)
  })

  test('have each a test whose title names it, and no test names one that there is not', () => {
    const named = new Set(tested)
    expect(published.filter((id) => !named.has(id))).toEqual([])
    expect([...named].filter((id) => !published.includes(id))).toEqual([])
  })
})

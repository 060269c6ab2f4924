/** `powerstrip conformance` as its users see it: exit codes, what it prints, and the files that others read. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAdapters } from '../../support/adapters/start.ts'
import { startByHand } from '../../support/conformance/by-hand.ts'
import { run } from '../../support/engine/run.ts'
import { powerstripHere } from './command.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conformance-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('powerstrip conformance', () => {
  test('ends with 0 where nothing failed, and tells each check and the sum', async () => {
    await using adapter = await startByHand()
    const ended = await powerstripHere(['conformance', adapter.url])
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ended.stdout).toContain('PASS  PS2-MUT-01   gives patches that fit the body\n')
    expect(ended.stdout).toContain('SKIP  PS1-CORE-01')
    expect(ended.stdout).toContain('31 passed, 0 failed, 16 skipped: ')
    expect(ended.stdout).toContain(`"by-hand" 1.0.0 at ${adapter.url}, protocol 2\n`)
  })

  test('ends with 1 where something failed, and says what was sent, came, was expected and is to be done', async () => {
    await using adapter = await startByHand({ optionsType: 'application/json' })
    const ended = await powerstripHere([
      'conformance',
      '--endpoint',
      adapter.url,
      '--protocol',
      '2',
      '--focus',
      'HSK-01',
    ])
    expect(ended.exitCode).toBe(1)
    expect(ended.stdout).toMatch(
      /^FAIL {2}PS2-HSK-01 .*\n +sent: OPTIONS .*\n +came: 200 application\/json: .*\n +expected: 200 .*\n +do: Answer OPTIONS/,
    )
    expect(ended.stdout).toContain('0 passed, 1 failed, 0 skipped')
  })

  test('finds an adapter on a unix socket, written either way', async () => {
    await using python = await startAdapters('../conformance/old.py')
    const { url } = python.at('unix', '/good')
    const path = url.replace('unix://', 'unix:')
    for (const given of [url, path]) {
      const ended = await powerstripHere(['conformance', given, '--focus', 'CORE', '--protocol', '1'])
      expect(ended).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining('6 passed, 0 failed, 0 skipped'),
      })
    }
  })

  test('writes reports that others can read, whatever the adapter says', async () => {
    const strange =
      'no <b>"bold"</b> & \u0007\ud800 ]]> \u{1f433} --></pre></td></table><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">'
    await using adapter = await startByHand({
      abilities: { Name: '<name> & "more"</title><script>' },
      answer: () => ({ status: 500, body: { message: strange } }),
    })
    const [xml, html, json] = ['r.xml', 'r.html', 'r.json'].map((name) => join(folder, name))
    const ended = await powerstripHere([
      ...['conformance', adapter.url, '--focus', 'PS2-(HSK|DEC|UNW|AUT)'],
      ...['--report', xml!, '--html', html!, '--json', json!],
    ])
    expect(ended.exitCode).toBe(1)
    const report = JSON.parse(await readFile(json!, 'utf8'))
    expect(report).toMatchObject({ adapter: { name: '<name> & "more"</title><script>' }, protocols: [2] })
    expect(report.passed + report.failed + report.skipped).toBe(report.results.length)
    const failed = report.results.filter(({ result }: { result: string }) => result === 'FAIL')
    expect(failed.length).toBeGreaterThan(2)
    for (const result of failed)
      expect(Object.keys(result)).toEqual(expect.arrayContaining(['sent', 'came', 'expected', 'advice']))

    const parsed = await run('python3', ['-c', READ_REPORTS, xml!, html!])
    expect(parsed).toMatchObject({ exitCode: 0, stderr: '' })
    expect(JSON.parse(parsed.stdout)).toEqual({
      tests: report.results.length,
      failures: report.failed,
      skipped: report.skipped,
      ids: report.results.map(({ id }: { id: string }) => id),
      rows: report.results.map(({ id }: { id: string }) => id),
      links: failed.map(({ id }: { id: string }) => `#${id}`),
      text: failed.length,
      ...PAGE,
    })
  })

  test.each([
    ['no address', [], 'which adapter?'],
    ['an address that is none', ['localhost:1'], 'no scheme; write "http://localhost:1"'],
    ['two addresses', ['http://127.0.0.1:1', '--endpoint', 'http://127.0.0.1:2'], 'give the address once'],
    ['nobody there', ['http://127.0.0.1:1'], 'http://127.0.0.1:1 cannot be reached: connection refused'],
    ['no such socket', ['unix:/none.sock'], 'unix:///none.sock cannot be reached: no such socket'],
    [
      'an unknown operation',
      ['http://127.0.0.1:1', '-o', 'CreateContainer'],
      '"CreateContainer" is no operation',
    ],
    ['a pattern that is none', ['http://127.0.0.1:1', '--focus', '('], '--focus: Invalid regular expression'],
    ['a time that is none', ['http://127.0.0.1:1', '--timeout', '30'], 'for seconds write "30s"'],
    ['a secret that is not there', ['http://127.0.0.1:1', '--bearer', '/none'], 'ENOENT'],
    ['no such hook', ['http://127.0.0.1:1', '--hooks', 'validate'], '--hooks is pre, post'],
  ])('ends with 2 and says why: %s', async (_what, args, message) => {
    const ended = await powerstripHere(['conformance', ...args])
    expect(ended.exitCode).toBe(2)
    expect(ended.stderr).toContain(message)
  })

  test('ends with 2 where no check is left', async () => {
    await using adapter = await startByHand()
    const ended = await powerstripHere(['conformance', adapter.url, '--focus', 'PS3'])
    expect(ended).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('no check has such an id or title'),
    })
  })
})

/** All that the page is made of, whatever adapters say. */
const PAGE = {
  tags: [
    'a',
    'body',
    'br',
    'h1',
    'h2',
    'head',
    'html',
    'meta',
    'p',
    'pre',
    'style',
    'table',
    'td',
    'title',
    'tr',
  ],
  attributes: ['charset', 'class', 'content', 'href', 'http-equiv', 'id', 'lang', 'name'],
}

/** With the readers of Python's own library: strict for XML, a tag at a time for HTML. */
const READ_REPORTS = `
import json, sys
import xml.etree.ElementTree as tree
from html.parser import HTMLParser

suites = tree.parse(sys.argv[1]).getroot()
cases = list(suites.iter("testcase"))
assert all(suite.get("tests") == str(len(suite.findall("testcase"))) for suite in suites.findall("testsuite"))
rows, links, tags, attributes, text = [], [], set(), set(), []

class Page(HTMLParser):
    tag = None

    def handle_starttag(self, tag, attrs):
        tags.add(tag)
        attributes.update(name for name, _ in attrs)
        if tag == "tr":
            rows.append(dict(attrs)["id"])
        if tag == "a":
            links.append(dict(attrs)["href"])
        self.tag = tag

    def handle_data(self, data):
        if self.tag == "pre" and "<script>alert(1)</script>" in data:
            text.append(data)

Page().feed(open(sys.argv[2]).read())
print(json.dumps({
    "tests": int(suites.get("tests")),
    "failures": len(list(suites.iter("failure"))),
    "skipped": len(list(suites.iter("skipped"))),
    "ids": [case.get("name").split(" ")[0] for case in cases],
    "rows": rows,
    "links": links,
    "text": len(text),
    "tags": sorted(tags),
    "attributes": sorted(attributes),
}))
`

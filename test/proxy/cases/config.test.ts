/** C12, O9 and O37: configuration files of the real command, good, broken and changed while requests run. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runCommand } from '../../../src/cli/program.ts'
import { adding, editing, modified, startAdapter } from '../../support/cases/adapters.ts'
import { startEngine, towel } from '../../support/cases/engine.ts'
import { jsonOf } from '../../support/cases/stage.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'

const GOOD = 'endpoints: {}\nadapters: {}\n'

test.each([
  ['a missing file', undefined, /does not exist|no such file/i],
  ['bad YAML', 'endpoints: [\n', /YAML|flow|\]/],
  ['a scalar', 'towel\n', /is a map with "endpoints" and "adapters"/],
  ['a duplicate key', `${GOOD}endpoints: {}\n`, /"endpoints".*:1\b.*:3\b|"endpoints".*line.* 1\b/s],
  ['another version', `version: 3\n${GOOD}`, /version/],
  ['no adapters', 'endpoints: {}\n', /the key "adapters" is missing/],
  ['null endpoints', 'endpoints:\nadapters: {}\n', /the key "endpoints" has no value/],
  ['neither pre nor post', 'endpoints: {"POST /x": {}}\nadapters: {}\n', /neither "pre" nor "post"/],
  ['plugins', 'endpoints: {}\nplugins: {}\n', /renamed to "adapters:"/],
  ['an unknown key', 'endpoints: {"POST /x": {pre: [], pots: []}}\nadapters: {}\n', /pots.*post/s],
  [
    'an undefined adapter',
    'endpoints: {"POST /x": {pre: [wave]}}\nadapters: {weave: "http://h/"}\n',
    /wave.*weave/s,
  ],
  ['a scalar for a list', 'endpoints: {"POST /x": {pre: a}}\nadapters: {a: "http://h/"}\n', /write \[a\]/],
  ['O9: a lower-case method', 'endpoints: {"post /x": {pre: []}}\nadapters: {}\n', /write "POST \/x"/],
  ['no method', 'endpoints: {"/x/containers/create": {pre: []}}\nadapters: {}\n', /write "/],
  ['a URL without a scheme', 'endpoints: {}\nadapters: {a: "weave:80"}\n', /weave:80/],
])('C12: %s is an error of its own at the start', async (_case, text, message) => {
  const folder = await mkdtemp(join(tmpdir(), 'config-'))
  const file = join(folder, 'adapters.yml')
  if (text !== undefined) await writeFile(file, text)
  let said = ''
  const around = {
    out: () => {},
    err: (words: string) => (said += words),
    env: {},
    stop: AbortSignal.abort(),
  }
  const sockets = ['--listen', `unix://${folder}/ps.sock`, '--upstream', `unix://${folder}/docker.sock`]
  const exitCode = await runCommand(['serve', '--config', file, ...sockets], around)
  await rm(folder, { recursive: true })
  expect([exitCode, said]).toEqual([2, expect.stringMatching(message)])
  expect(said).toContain('adapters.yml')
})

const IN_FORCE = 'the configuration has changed and is in force'
const BROKEN = 'the configuration has changed and is broken; the last good one stays in force'

/**
 * Resolves when so many changes of a kind have been logged. There may be more broken ones than were made: a file that is
 * written in place is an empty one for a moment, and may be read in it.
 */
async function told(powerstrip: Powerstrip, message: string, times: number): Promise<void> {
  const late = performance.now() + 20_000
  const count = () => powerstrip.log.filter(({ msg }) => msg === message).length
  while (count() < times && performance.now() < late) await sleep(5)
  if (message === BROKEN) expect(count()).toBeGreaterThanOrEqual(times)
  else expect(count()).toBe(times)
}

async function ask(powerstrip: Powerstrip): Promise<Record<string, unknown>> {
  await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
  client.write(request('POST', '/v1.45/towel', { Number: 1 }))
  const answer = await client.answer()
  return { status: answer.status, ...(jsonOf(answer) as object) }
}

test('C12, O37, V2-12.8: a change replaces endpoints and adapters, and a broken one leaves the last good', async () => {
  await using engine = await startEngine(towel, 'tcp')
  await using one = await startAdapter(adding(1))
  await using ten = await startAdapter(adding(10))
  if (engine.address.kind !== 'tcp') throw new Error('the engine was to listen on TCP')
  const hooked = (url: string) => `endpoints: {"POST /*/towel": {pre: [a]}}\nadapters: {a: "${url}"}\n`
  await using powerstrip = await startPowerstrip({
    upstream: `tcp://127.0.0.1:${engine.address.port}`,
    config: hooked(one.url),
  })
  expect(await ask(powerstrip)).toMatchObject({ status: 200, Number: 2 })
  await writeFile(powerstrip.configFile!, hooked(ten.url))
  await told(powerstrip, IN_FORCE, 1)
  expect(await ask(powerstrip)).toMatchObject({ status: 200, Number: 11 })
  await writeFile(powerstrip.configFile!, 'endpoints: {}\n')
  await told(powerstrip, BROKEN, 1)
  expect(await ask(powerstrip)).toMatchObject({ status: 200, Number: 11 })
  await writeFile(powerstrip.configFile!, GOOD)
  await told(powerstrip, IN_FORCE, 2)
  expect(await ask(powerstrip)).toMatchObject({ status: 200, Number: 1 })
})

const CHANGES = 50
const REQUESTS = 1000
const EVERY_FIFTH = 5

// Fifty changes, each waited for, take longer than the minute of other tests where the machine is busy.
test('1,000 requests while the file changes 50 times: none fails, none sees half of a chain', async () => {
  await using engine = await startEngine(towel)
  /** Stamps what it is shown with the generation in its URL, under the name in its URL. */
  await using stamp = await startAdapter((message, url) => {
    const query = new URL(url, 'http://x').searchParams
    return editing((body) => ({ ...body, [query.get('as') ?? '']: query.get('generation') }))(message, url)
  })
  const generation = (n: number) =>
    JSON.stringify({
      endpoints: { 'POST /*/towel': { pre: ['a', 'b'], post: ['c'] } },
      adapters: Object.fromEntries(
        ['a', 'b', 'c'].map((name) => [name, `${stamp.url}?as=${name}&generation=${n}`]),
      ),
    })
  if (engine.address.kind !== 'unix') throw new Error('the engine was to listen on a unix socket')
  await using powerstrip = await startPowerstrip({
    upstream: `unix://${engine.address.path}`,
    config: generation(0),
  })

  const seen: Record<string, unknown>[] = []
  let changing = true
  const client = async () => {
    while (changing || seen.length < REQUESTS) seen.push(await ask(powerstrip))
  }
  const clients = [1, 2, 3].map(client)
  const good = { count: 0, last: 0 }
  for (let n = 1; n <= CHANGES; n++) {
    const isBroken = n % EVERY_FIFTH === 0
    const broken = powerstrip.log.filter(({ msg }) => msg === BROKEN).length
    // In place as some editors do it, or by rename as others do.
    const file = n % 2 === 0 ? powerstrip.configFile! : `${powerstrip.configFile}.new`
    await writeFile(file, isBroken ? `${generation(n)}}` : generation(n))
    if (n % 2 === 1) await rename(file, powerstrip.configFile!)
    if (!isBroken) Object.assign(good, { count: good.count + 1, last: n })
    await told(powerstrip, isBroken ? BROKEN : IN_FORCE, isBroken ? broken + 1 : good.count)
  }
  changing = false
  await Promise.all(clients)

  expect(seen.length).toBeGreaterThanOrEqual(REQUESTS)
  const torn = seen.filter(({ status, a, b, c }) => status !== 200 || a === undefined || a !== b || b !== c)
  expect(torn).toEqual([])
  expect(new Set(seen.map(({ a }) => a)).size).toBeGreaterThan(10)
  expect(await ask(powerstrip)).toMatchObject({
    a: String(good.last),
    b: String(good.last),
    c: String(good.last),
  })
}, 240_000)

test('an exchange that has begun keeps its chain through a change', async () => {
  await using engine = await startEngine(towel)
  let goOn = (): void => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  await using slow = await startAdapter(async (message) => {
    await gate
    return modified(message, { Body: '{"Number":5}' })
  })
  await using one = await startAdapter(adding(1))
  if (engine.address.kind !== 'unix') throw new Error('the engine was to listen on a unix socket')
  await using powerstrip = await startPowerstrip({
    upstream: `unix://${engine.address.path}`,
    config: JSON.stringify({
      endpoints: { 'POST /*/towel': { pre: ['slow'], post: ['one'] } },
      adapters: { slow: { url: slow.url, timeout: '1m' }, one: one.url },
    }),
  })
  const begun = ask(powerstrip)
  await slow.called()
  await writeFile(powerstrip.configFile!, GOOD)
  await told(powerstrip, IN_FORCE, 1)
  expect(await ask(powerstrip)).toMatchObject({ Number: 1 })
  goOn()
  expect(await begun).toMatchObject({ status: 200, Number: 6 })
})

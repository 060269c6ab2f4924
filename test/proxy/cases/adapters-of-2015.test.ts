/**
 * What PowerStrip was shown with in 2015: Flocker and Weave on one create body, in either order, between debug adapters or not, and
 * a start that is answered once the container is attached. The adapters are programs of their own over real sockets.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaseEngine, type EngineScript, sendJson, startEngine } from '../../support/cases/engine.ts'
import { setStage } from '../../support/cases/stage.ts'
import { type AdaptersOf2015, startAdaptersOf2015 } from '../../support/flocker/adapters-of-2015.ts'
import { HERE, ScriptedControl } from '../../support/flocker/scripted-control.ts'

const ID = 'ab'.repeat(32)
const BODY = {
  Image: 'ubuntu',
  Cmd: ['hello', 'world'],
  Env: ['WEAVE_CIDR=10.255.0.51/8'],
  Entrypoint: null,
  HostConfig: { Binds: ['/flocker/here:/data'], VolumesFrom: null },
}

/** The engine of the show: one image, and a container that was made of the body above. */
const script: EngineScript = ({ method, target }, response) => {
  if (target === '/images/ubuntu/json')
    return sendJson(response, 200, { Config: { Entrypoint: ['bash', '/srv/app/run.sh'], Cmd: null } })
  if (target === `/containers/${ID}/json`) return sendJson(response, 200, { Config: { Env: BODY.Env } })
  if (method === 'POST' && target.endsWith('/start')) return void response.writeHead(204).end()
  return sendJson(response, 201, { Id: ID, Warnings: [] })
}

/** Short, and longer than anything else here takes. */
const SLOW_SECONDS = 0.5

let folder: string
let engine: CaseEngine
let control: ScriptedControl
let old: AdaptersOf2015
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'of-2015-'))
  engine = await startEngine(script)
  if (engine.address.kind !== 'unix') throw new Error('the engine listens elsewhere')
  control = await ScriptedControl.start({ version: '0.3' })
  old = await startAdaptersOf2015({
    CONTROL: `${control.url}/v1`,
    NODE: HERE.host,
    ENGINE: engine.address.path,
    ATTACHED: join(folder, 'attached'),
    DELAY: SLOW_SECONDS,
  })
})
afterAll(async () => {
  await old[Symbol.asyncDispose]()
  await control[Symbol.asyncDispose]()
  await engine[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function stageWith(
  endpoint: { readonly pre?: readonly string[]; readonly post?: readonly string[] },
  pattern: string,
) {
  const adapters = Object.fromEntries(Object.entries(old.urls).map(([name, url]) => [name, { url }]))
  return setStage({ engine: engine.address, adapters, endpoints: { [pattern]: endpoint } })
}

/** What the engine gets of the body. */
async function created(...pre: readonly string[]): Promise<unknown> {
  await using stage = await stageWith({ pre }, 'POST /*/containers/create')
  expect((await stage.ask('POST', '/v1.24/containers/create', JSON.stringify(BODY))).status).toBe(201)
  const seen = engine.requests.findLast(({ target }) => target.endsWith('/containers/create'))!
  expect(seen.target).toBe('/v1.24/containers/create')
  return JSON.parse(seen.body)
}

test.each([
  [['flocker', 'weave']],
  [['weave', 'flocker']],
  [['debug', 'flocker', 'weave', 'debug']],
  [['debug', 'weave', 'debug', 'flocker', 'debug']],
])('create through %j is the same', async (pre) => {
  const body = await created(...pre)
  const [dataset] = control.datasets.values()
  expect(body).toEqual({
    Image: 'ubuntu',
    Cmd: ['bash', '/srv/app/run.sh', 'hello', 'world'],
    Env: ['WEAVE_CIDR=10.255.0.51/8'],
    Entrypoint: ['/home/weavewait/wait-for-weave'],
    HostConfig: {
      Binds: [`/flocker/HOST.default.${dataset!.dataset_id}:/data`],
      VolumesFrom: ['weavewait:ro'],
    },
  })
  expect(control.datasets.size).toBe(1)
})

test('one alone does its part, and none nothing', async () => {
  expect(await created('flocker')).toEqual({
    ...BODY,
    HostConfig: { ...BODY.HostConfig, Binds: [expect.stringMatching(/^\/flocker\/HOST\.default\./)] },
  })
  expect(await created('weave')).toMatchObject({ HostConfig: { Binds: ['/flocker/here:/data'] } })
  expect(await created()).toEqual(BODY)
})

test('start through post [debug, weave, debug] is answered once the container is attached', async () => {
  await using stage = await stageWith({ post: ['debug', 'weave', 'debug'] }, 'POST /*/containers/*/start')
  expect(existsSync(join(folder, 'attached'))).toBe(false)
  const { status } = await stage.ask('POST', `/v1.24/containers/${ID}/start`)
  expect(status).toBe(204)
  expect(await readFile(join(folder, 'attached'), 'utf8')).toBe(`10.255.0.51/8 ${ID}\n`)
})

test.each([
  [{ pre: ['slowreq'] }, 1],
  [{ pre: ['slowreq'], post: ['slowreq'] }, 2],
])('slowreq in %j waits %d times', async (endpoint, times) => {
  await using stage = await stageWith(endpoint, 'POST /*/containers/create')
  const begun = performance.now()
  await stage.ask('POST', '/v1.24/containers/create', JSON.stringify(BODY))
  // Clocks of two processes may differ by a millisecond or two.
  expect(performance.now() - begun).toBeGreaterThan(times * SLOW_SECONDS * 1000 - 5)
})

/**
 * The corpus of ways round a policy, on real engines: each is shown to work when the engine is asked directly, and not to
 * work through powerstrip with the sandbox. What has happened, the engine says; what the client was told proves nothing.
 *
 * All cases of an engine are played at once, a few at a time, before the first test looks at what has come of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KEPT_ELSEWHERE, RULES } from '../../../adapters/sandbox/rules.ts'
import { type Stage, setStage } from '../../support/cases/stage.ts'
import { type Case, filledIn, onlyLooks, readCorpus } from '../../support/corpus/case.ts'
import { type Place, play, prepared, type Round, seen, type Told, words } from '../../support/corpus/play.ts'
import { startRegistry } from '../../support/corpus/registry.ts'
import { callApi, mustCallApi } from '../../support/engine/api.ts'
import { type EngineKind, importBusybox } from '../../support/engine/index.ts'
import { wantedKinds } from '../../support/engine/shared.ts'
import { startPrivateEngine } from '../../support/engine/start.ts'

const CASES = readCorpus()

/** For local work: only the cases whose names match. */
const WANTED = process.env.POWERSTRIP_CORPUS ?? ''

/** More at a time only wait for the engine. */
const AT_A_TIME = 6

interface Played {
  readonly directly: boolean
  readonly through: boolean
  readonly told: Told
  readonly benign: { readonly directly: boolean; readonly through: boolean; readonly told: Told } | undefined
}

describe.each(wantedKinds().map((kind) => ({ kind })))('$kind engine', ({ kind }) => {
  const cases = CASES.filter(({ engines, name }) => engines.includes(kind) && new RegExp(WANTED).test(name))
  const outcomes = new Map<string, Promise<Played>>()
  let close = async () => {}

  beforeAll(async () => {
    const place = await openPlace(kind)
    const stages = new Map<string, Promise<Stage>>()
    close = async () => {
      for (const stage of stages.values()) await (await stage)[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    }
    const scenes = new Scenes(place, stages)
    const waiting = [...cases.entries()]
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [number, one] = next
        const played = playCase(one, `k${number}`, place, scenes)
        outcomes.set(one.name, played)
        await played.catch(() => undefined)
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, work))
  }, 600_000)
  afterAll(() => close(), 120_000)

  test.each(cases.map((one) => [`${one.name} (${one.rule})`, one] as const))('%s', async (_name, one) => {
    const { directly, through, told, benign } = await outcomes.get(one.name)!
    const heard = (what: string) => new Error(`${what} (${one.why}). What was told:\n${told.join('\n')}`)
    if (!directly) throw heard('asked directly, the engine does not do it')
    if (through) throw heard('it went through')
    if (one.refused && !told.some((text) => text.includes(one.named))) throw heard('the rule is not named')
    if (benign !== undefined && !(benign.directly && benign.through))
      throw new Error(`the twin does not work, ${JSON.stringify(benign, null, 2)}`)
  })
})

test('every rule of the sandbox has a case, and the corpus is as large as it should be', () => {
  const covered = new Set(CASES.map(({ rule }) => rule))
  expect(Object.keys(RULES).filter((id) => !covered.has(id) && !Object.hasOwn(KEPT_ELSEWHERE, id))).toEqual(
    [],
  )
  expect(CASES.length).toBeGreaterThanOrEqual(150)
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length)
})

interface OpenPlace extends Place, AsyncDisposable {}

/** An engine of its own, with networks and a swarm, and two registries that it can reach. */
async function openPlace(kind: EngineKind): Promise<OpenPlace> {
  const engine = await startPrivateEngine({ kind, network: true, manyNetworks: true, experimental: true })
  try {
    await importBusybox(engine)
    const init = JSON.stringify({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1:2377' })
    const swarm = await callApi(engine.socket, 'POST', '/swarm/init', Buffer.from(init), 'application/json')
    if (swarm.status !== 200) throw new Error(`no swarm: ${swarm.body}`)
    await mustCallApi(engine.socket, 'GET', '/swarm')
    const [good, evil] = [await startRegistry(engine), await startRegistry(engine)]
    const root = await mkdtemp(join(tmpdir(), 'corpus-'))
    return {
      engine,
      good,
      evil,
      root,
      async [Symbol.asyncDispose]() {
        await good[Symbol.asyncDispose]()
        await evil[Symbol.asyncDispose]()
        // Asked to stop, it would take leave of its swarm and its containers for ten seconds.
        await engine.kill()
        await engine.dispose()
        await rm(root, { recursive: true, force: true })
      },
    }
  } catch (problem) {
    await engine.dispose()
    throw problem
  }
}

/** Where cases are played: in a round of their own, or in one that several share. */
class Scenes {
  readonly #place: Place
  readonly #stages: Map<string, Promise<Stage>>
  readonly #shared = new Map<string, Promise<Round>>()

  constructor(place: Place, stages: Map<string, Promise<Stage>>) {
    this.#place = place
    this.#stages = stages
  }

  /**
   * One that is set up. Through powerstrip nothing must come of a case, so the next one finds everything in its place; were
   * it otherwise, the one that went through says so.
   */
  async forCase(one: Case, name: string, direct: boolean): Promise<Round> {
    if (one.scene === undefined || (direct && !onlyLooks(one))) return await this.fresh(one, name, direct)
    const key = `${one.scene} ${direct}`
    const present = this.#shared.get(key)
    if (present !== undefined) return await present
    const made = this.fresh(one, name, direct)
    this.#shared.set(key, made)
    return await made
  }

  async fresh(one: Case, name: string, direct: boolean): Promise<Round> {
    await prepared(this.#place, name)
    const client = (await stageFor(one.policy, name, this.#place, this.#stages)).socket
    const round = { name, client, socket: direct ? this.#place.engine.socket : client }
    await play(one.setup, round, this.#place, true)
    return round
  }
}

async function playCase(one: Case, name: string, place: Place, scenes: Scenes): Promise<Played> {
  const rounds = {
    directly: await scenes.forCase(one, `${name}d`, true),
    through: await scenes.forCase(one, `${name}t`, false),
  }
  const directTold = await play(one.attempt, rounds.directly, place)
  const directly = await seen(one.effect, directTold, rounds.directly, place)
  const told = await play(one.attempt, rounds.through, place)
  const through = await seen(one.effect, told, rounds.through, place)
  const played = { directly, through, told: directly ? told : [...directTold, ...told] }
  if (one.benign === undefined) return { ...played, benign: undefined }

  const { attempt, effect } = one.benign
  const twins = {
    directly: await scenes.fresh(one, `${name}bd`, true),
    through: await scenes.fresh(one, `${name}bt`, false),
  }
  const benignDirectTold = await play(attempt, twins.directly, place)
  const benignDirectly = await seen(effect, benignDirectTold, twins.directly, place)
  const benignTold = await play(attempt, twins.through, place)
  return {
    ...played,
    benign: {
      directly: benignDirectly,
      through: await seen(effect, benignTold, twins.through, place),
      told: [...benignDirectTold, ...benignTold],
    },
  }
}

/** Powerstrip with the sandbox and this policy, shared by all cases that want the same. */
async function stageFor(
  policy: Case['policy'],
  name: string,
  place: Place,
  stages: Map<string, Promise<Stage>>,
): Promise<Stage> {
  const settings = filledIn(
    { engine: place.engine.host, ...policy },
    words(place, { name, socket: '' }),
    '',
  ) as object
  const key = JSON.stringify(settings)
  const present = stages.get(key)
  if (present !== undefined) return await present
  const started = setStage({
    engine: { kind: 'unix', path: place.engine.socket },
    version: 2,
    // Nothing here is about deadlines, and a busy machine is no refusal.
    adapters: { sandbox: { use: 'sandbox', with: settings, timeout: '60s' } },
    endpoints: { '* *': { pre: ['sandbox'] } },
  })
  stages.set(key, started)
  return await started
}

/** Plays the steps of a case through one door to an engine, and looks into the engine for what has come of them. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { callApi, mustCallApi } from '../engine/api.ts'
import { docker, type Engine } from '../engine/index.ts'
import { run } from '../engine/run.ts'
import { RawPeer } from '../raw/peer.ts'
import { filledIn, type Probe, type Step } from './case.ts'
import type { Registry } from './registry.ts'

export interface Place {
  readonly engine: Engine
  readonly good: Registry
  readonly evil: Registry
  /** Folders of the cases on this machine, which the engine sees too. */
  readonly root: string
}

/** One run of a case: directly, or through powerstrip. */
export interface Round {
  /** Socket that the client's steps go to. */
  readonly socket: string
  /** Socket of powerstrip, for what the client has done before. */
  readonly client: string
  /** Stands for NAME: nobody else has names that begin like this. */
  readonly name: string
}

/** What everybody was told, step by step. */
export type Told = readonly string[]

export async function prepared(place: Place, name: string): Promise<string> {
  const folder = join(place.root, name)
  await mkdir(join(folder, 'allowed'), { recursive: true })
  await mkdir(join(folder, 'secret'))
  await writeFile(join(folder, 'secret/secret.txt'), 'TOP-SECRET')
  return folder
}

/** Words that a case may use. */
export function words(
  place: Place,
  { name, socket }: Pick<Round, 'name' | 'socket'>,
): Readonly<Record<string, string>> {
  return {
    NAME: name,
    // As a name that could be the beginning of an id.
    HEX: Buffer.from(name).toString('hex'),
    ENGINEDIR: dirname(place.engine.socket),
    DIR: join(place.root, name),
    SOCKET: place.engine.socket,
    // The socket that the client's steps go to, for programs that are not Docker's.
    CLIENT: socket,
    GOOD: place.good.name,
    EVIL: place.evil.name,
    DIGEST: place.evil.digest,
    NOW: String(Math.ceil(Date.now() / 1000)),
    // More than hooks are shown.
    LONG: 'x'.repeat(5 * 1024 * 1024),
  }
}

export async function play(steps: readonly Step[], round: Round, place: Place, setup = false): Promise<Told> {
  const told: string[] = []
  for (const step of steps) {
    const socket = setup ? (step.client === true ? round.client : place.engine.socket) : round.socket
    const said = await playStep((await ready(step, round, place)) as Step, socket)
    if (setup && said.failed) throw new Error(`the set-up failed: ${JSON.stringify(step)}: ${said.text}`)
    told.push(said.text)
  }
  return told
}

/** With all words filled in, and what the engine alone knows: `ID(NAME-x)`, `ID(images NAME-x)`, `EXEC(NAME-x)`, … */
async function ready(step: Step, round: Round, place: Place): Promise<unknown> {
  const filled = JSON.stringify(filledIn(step, words(place, round), ''))
  const found = new Map<string, string>()
  for (const [call, what, of] of filled.matchAll(/\b(ID|SHORT|SHORTER|EXEC|VERSION)\(([^)]+)\)/g))
    found.set(call, await LOOKUPS[what as keyof typeof LOOKUPS](of!, place.engine))
  return JSON.parse([...found].reduce((text, [call, value]) => text.replaceAll(call, value), filled))
}

const LOOKUPS = {
  ID: async (of: string, engine: Engine) => {
    const { Id, ID } = await objectNamed(of, engine)
    return String(Id ?? ID)
  },
  SHORT: async (of: string, engine: Engine) => String((await objectNamed(of, engine)).Id).slice(0, 12),
  SHORTER: async (of: string, engine: Engine) => String((await objectNamed(of, engine)).Id).slice(0, 8),
  EXEC: async (of: string, engine: Engine) => String((await objectNamed(of, engine)).ExecIDs?.[0]),
  VERSION: async (of: string, engine: Engine) =>
    String((await objectNamed(of.includes(' ') ? of : `services ${of}`, engine)).Version?.Index),
}

interface EngineObject {
  readonly Id?: string
  readonly ID?: string
  readonly ExecIDs?: readonly string[]
  readonly Version?: { readonly Index: number }
}

async function objectNamed(of: string, engine: Engine): Promise<EngineObject> {
  const [kind, ref = ''] = of.includes(' ') ? of.split(' ') : ['containers', of]
  const path = kind === 'containers' || kind === 'images' ? `/${kind}/${ref}/json` : `/${kind}/${ref}`
  return JSON.parse(await mustCallApi(engine.socket, 'GET', path)) as EngineObject
}

interface Said {
  readonly text: string
  readonly failed: boolean
}

async function playStep(step: Step, socket: string): Promise<Said> {
  if ('docker' in step) {
    const { exitCode, stdout, stderr } = await docker(`unix://${socket}`, step.docker, { stdin: step.stdin })
    return { text: stdout + stderr, failed: exitCode !== 0 }
  }
  if ('host' in step) {
    const { exitCode, stdout, stderr } = await run(step.host[0]!, step.host.slice(1))
    return { text: stdout + stderr, failed: exitCode !== 0 }
  }
  if ('raw' in step) return await bytes(step, socket)
  return step.until === undefined ? await called(step, socket) : await calledUntil(step.until, step, socket)
}

/** What takes longer has not happened; an engine on a busy machine needs a second or two, and sometimes many. */
const PATIENCE_MS = 120_000
const LOOK_AGAIN_MS = 50

async function calledUntil(text: string, call: Call, socket: string): Promise<Said> {
  const late = performance.now() + PATIENCE_MS
  for (;;) {
    const said = await called(call, socket)
    if (said.text.includes(text)) return said
    if (performance.now() > late) return { ...said, failed: true }
    await sleep(LOOK_AGAIN_MS)
  }
}

type Call = Extract<Step, { call: string }>

async function called(step: Call, socket: string): Promise<Said> {
  const [method = '', path = ''] = step.call.split(' ')
  const body =
    step.tar !== undefined
      ? await tarOf(step.tar)
      : (step.text ?? (step.json === undefined ? undefined : JSON.stringify(step.json)))
  const type = step.tar === undefined ? 'application/json' : 'application/x-tar'
  const fields = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }
  return await new Promise((resolve, reject) => {
    const call = request(
      { socketPath: socket, method, path, agent: false, headers: { ...fields, ...step.fields } },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.once('error', reject)
        answer.once('end', () =>
          resolve({
            text: Buffer.concat(parts).toString('latin1'),
            failed: (answer.statusCode ?? 500) >= 400,
          }),
        )
      },
    )
    call.once('error', reject)
    call.end(body)
  })
}

/** Bytes as they are; line ends are written `\n` in the case, and the length of a form follows from it. */
async function bytes({ raw, toEnd = false }: Extract<Step, { raw: string }>, socket: string): Promise<Said> {
  const text = raw.replaceAll('\n', '\r\n')
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  await using peer = await RawPeer.connect({ kind: 'unix', path: socket })
  peer.write(text.replace('FORMLENGTH', String(body.length)))
  const answer = await peer.answer(text.slice(0, text.indexOf(' ')))
  const rest =
    toEnd && (answer.status < 400 || text.includes('Connection: close'))
      ? (await peer.rest()).bytes
      : Buffer.alloc(0)
  return {
    text: `${answer.head}${answer.body.toString('latin1')}${rest.toString('latin1')}`,
    failed: answer.status >= 400,
  }
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const parts = Object.entries(files).map(([name, text]) => {
    const head = Buffer.alloc(512)
    const data = Buffer.from(text)
    head.write(name, 0)
    head.write('0000644\0', 100)
    head.write('0000000\0', 108)
    head.write('0000000\0', 116)
    head.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124)
    head.write('00000000000\0', 136)
    head.write('        0', 148)
    head.write('ustar\x0000', 257)
    const sum = head.reduce((total, byte) => total + byte, 0)
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return Buffer.concat([head, data, Buffer.alloc((512 - (data.length % 512)) % 512)])
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

/** Whether any of the probes finds what it looks for. */
export async function seen(
  probes: readonly Probe[],
  told: Told,
  round: Round,
  place: Place,
): Promise<boolean> {
  for (const probe of probes)
    if (await seenBy((await ready(probe as never, round, place)) as Probe, told, place)) return true
  return false
}

async function seenBy(probe: Probe, told: Told, { engine, good, evil }: Place): Promise<boolean> {
  if ('told' in probe) return told.some((text) => text.includes(probe.told))
  if ('file' in probe) return existsSync(probe.file)
  if ('pushed' in probe)
    return [...(await good.pushed()), ...(await evil.pushed())].some((name) => name.includes(probe.pushed))
  if ('gone' in probe) return (await callApi(engine.socket, 'GET', probe.gone)).status === 404
  const { status, body } = await callApi(engine.socket, 'GET', probe.inspect)
  if (status !== 200) return false
  const found = probe.at === undefined ? JSON.parse(body) : at(JSON.parse(body), probe.at)
  if (probe.is !== undefined) return JSON.stringify(found) === JSON.stringify(probe.is)
  if (probe.not !== undefined) return JSON.stringify(found) !== JSON.stringify(probe.not)
  if (probe.has !== undefined)
    return JSON.stringify(found ?? null).includes(JSON.stringify(probe.has).slice(1, -1))
  return true
}

function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key], value)
}

/**
 * `npm run bench:chain`: what hooks add to a create, and what they cost requests that none of them asked for.
 *
 * One sequential client on a unix socket; the engine is a scripted one, because creating containers takes a hundred times
 * as long as the chain in front of it. The variants take turns, each with three processes one after the other, and medians are compared.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { request } from '../client/client.ts'
import { p50, startField, timed } from './field.ts'
import { measureLargeBodies } from './large-bodies.ts'
import { measureStreams } from './streams.ts'

interface Variant {
  readonly title: string
  /** `undefined`: no configuration at all. */
  readonly config: ((adapter: string) => string) | undefined
  /** Most that its hooks may add to the p50 of a create, in milliseconds. */
  readonly target?: number
  /** Most that they may add, as a multiple of what another variant adds. */
  readonly multiple?: { readonly times: number; readonly of: string }
}

const NO_CHANGE = 'one hook of protocol 2 that changes nothing'
const BY_SDK = 'the same by the SDK, with fastify'
const ONE_VALIDATOR = 'one validator of protocol 2'

const VARIANTS: readonly Variant[] = [
  { title: 'no configuration', config: undefined },
  {
    title: 'hooks on other endpoints',
    config: (adapter) => configOf(5, remote(adapter), 'POST /*/volumes/*'),
  },
  { title: 'one hook, unix socket', config: (adapter) => configOf(1, remote(adapter)), target: 0.4 },
  { title: 'five hooks, unix socket', config: (adapter) => configOf(5, remote(adapter)), target: 1.6 },
  { title: NO_CHANGE, config: (adapter) => configTwo(adapter, { pre: 1 }, '/allow'), target: 0.35 },
  { title: 'one that adds a label', config: (adapter) => configTwo(adapter, { pre: 1 }), target: 0.35 },
  { title: BY_SDK, config: (adapter) => configTwo(`${adapter}-sdk`, { pre: 1 }) },
  { title: ONE_VALIDATOR, config: (adapter) => configTwo(adapter, { validate: 1 }) },
  {
    title: 'ten validators of protocol 2',
    config: (adapter) => configTwo(adapter, { validate: 10 }),
    multiple: { times: 2, of: ONE_VALIDATOR },
  },
  { title: 'five hooks in process', config: () => configOf(5, IN_PROCESS), target: 0.1 },
]

const IN_PROCESS = '{ use: restrict-image, with: { allow: ["_"] } }'

function remote(adapter: string): string {
  return `{ url: "unix://${adapter}:/hook" }`
}

function configOf(hooks: number, adapter: string, pattern = 'POST /*/containers/create'): string {
  const names = Array.from({ length: hooks }, (_, n) => `a${n}`)
  const adapters = names.map((name) => `  ${name}: ${adapter}`).join('\n')
  return `version: 1\nendpoints:\n  "${pattern}": { pre: [${names.join(', ')}] }\nadapters:\n${adapters}\n`
}

/** Each hook is an adapter of its own at the socket of protocol 2. */
function configTwo(adapter: string, phases: Readonly<Record<string, number>>, path = '/hook'): string {
  const names = (phase: string, count: number) => Array.from({ length: count }, (_, n) => `${phase}${n}`)
  const lists = Object.entries(phases).map(([phase, count]) => [phase, names(phase, count)] as const)
  return JSON.stringify({
    version: 2,
    endpoints: { ContainerCreate: Object.fromEntries(lists) },
    adapters: Object.fromEntries(
      lists.flatMap(([, all]) => all.map((name) => [name, { unix: `${adapter}2`, path, protocol: 2 }])),
    ),
  })
}

/** About 1.7 kB, as the docker CLI sends for a container with some environment and labels. */
const BODY = JSON.stringify({
  Image: 'busybox',
  Cmd: ['sh', '-c', 'echo hello'],
  Env: Array.from({ length: 20 }, (_, n) => `VARIABLE_${n}=value ${n}`),
  Labels: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`org.example.label.${n}`, `value ${n}`])),
  HostConfig: { Binds: ['/data:/data'], NetworkMode: 'default', RestartPolicy: { Name: 'no' }, Memory: 0 },
})

const CREATE = Buffer.concat([
  Buffer.from(
    `POST /v1.45/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`,
  ),
  Buffer.from(BODY),
])
const LIST = request('GET', '/v1.45/containers/json?all=1')

const { values: flags } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
/** Two processes of the same variant differ by some 0.02 ms for as long as they run, so each variant has several, one after the other. */
const STARTS = flags.quick ? 1 : 3
/** Turns that each process of a variant has. */
const ROUNDS = flags.quick ? 2 : 3
/** In one turn of a variant: long enough that the processor's caches hold what it needs and not what the one before it needed. */
const REQUESTS = flags.quick ? 50 : 800
/** Before its first turn, for each process: by then V8 has compiled what runs often, as it has in a proxy that runs for a minute. */
const WARM_UP_REQUESTS = flags.quick ? 50 : 4000

const dir = await mkdtemp('/tmp/powerstrip-chain-')
const engine = `${dir}/engine.sock`
const adapter = `${dir}/adapter.sock`
const programs = [
  spawn(process.execPath, ['bench/chain/engine.mjs', engine], { stdio: 'inherit' }),
  spawn(process.execPath, ['bench/chain/adapter.mjs', adapter], { stdio: 'inherit' }),
  spawn(process.execPath, ['bench/chain/adapter-2.mjs', `${adapter}2`], { stdio: 'inherit' }),
  spawn(process.execPath, ['--import', 'tsx', 'bench/chain/sdk-adapter.ts', `${adapter}-sdk2`], {
    stdio: 'inherit',
  }),
]
const sockets = [engine, adapter, `${adapter}2`, `${adapter}-sdk2`]
try {
  while (!sockets.every((socket) => existsSync(socket))) await sleep(20)
  await measure()
  await measureLargeBodies({ engine, adapter: `${adapter}2`, quick: flags.quick })
  await measureStreams({ engine, adapter: `${adapter}2`, quick: flags.quick })
} finally {
  for (const program of programs) {
    program.kill()
    await once(program, 'exit')
  }
  await rm(dir, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  const [load = 0] = loadavg()
  const results = VARIANTS.map((variant) => ({
    variant,
    creates: [] as number[],
    lists: [] as number[],
  }))
  for (let start = 0; start < STARTS; start++) {
    await using field = await startField(engine, VARIANTS, ({ config }) => config?.(adapter))
    for (const { client } of field.entrants) await timed(client, CREATE, WARM_UP_REQUESTS)
    for (let round = 0; round < ROUNDS; round++)
      for (const [index, { client }] of field.entrants.entries()) {
        const { creates, lists } = results[index]!
        creates.push(...(await timed(client, CREATE, REQUESTS)))
        lists.push(...(await timed(client, LIST, REQUESTS)))
      }
  }

  const [plain] = results
  const base = p50(plain!.creates)
  console.log(
    `One sequential client, unix socket, a create body of ${BODY.length} bytes; load average ${load.toFixed(1)} before.\n`,
  )
  console.log('| variant | p50 of a create, ms | added, ms | target | p50 of an unhooked list, ms |')
  console.log('|---|---:|---:|---|---:|')
  for (const { variant, creates, lists } of results) {
    const own = p50(creates)
    const added = own - base
    const other = results.find(({ variant: { title } }) => title === variant.multiple?.of)
    const most = other === undefined ? variant.target : variant.multiple!.times * (p50(other.creates) - base)
    const verdict =
      most === undefined ? '' : `${added <= most ? 'met' : 'MISSED'}: ≤ ${Number(most.toFixed(3))}`
    console.log(
      `| ${variant.title} | ${own.toFixed(3)} | ${added.toFixed(3)} | ${verdict} | ${p50(lists).toFixed(3)} |`,
    )
  }
}

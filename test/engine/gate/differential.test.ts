/**
 * Generated creates in every spelling that an engine takes: what the hooks were shown, read as an adapter reads it, is what
 * the engine holds. The engine is asked itself, by inspect; statuses prove nothing.
 */
import fc from 'fast-check'
import { ANY } from '../../../src/gate/shape.ts'
import { type CaseAdapter, echo, startAdapter } from '../../support/cases/adapters.ts'
import { describeEachEngine, runLabel } from '../../support/engine/index.ts'
import { type Powerstrip, startPowerstrip } from '../../support/powerstrip.ts'
import { mustAsk, request } from '../../support/raw/box.ts'
import { RawPeer } from '../../support/raw/peer.ts'
import { respelled } from '../../unit/gate/documents.ts'
import { decodeAsScript, type Raw, readRaw, type Value, write } from '../../unit/gate/go-decoder.ts'

const BODIES = process.env.POWERSTRIP_LONG === '1' ? 1000 : 50
console.log(`differential property of the gate: ${BODIES} bodies for each engine`)

const text = (value: string): Raw => ({ text: value })
const number = (value: string): Raw => ({ number: value })
const list = (...items: string[]): Raw => ({ items: items.map(text) })
const map = (...pairs: [string, Raw][]): Raw => ({ pairs })
const flag = fc.boolean().map((word): Raw => ({ word }))
const oneOf = (...values: Raw[]): fc.Arbitrary<Raw> => fc.constantFrom(...values)

/** Fields that an engine holds as it was given them, with values that it accepts. */
const CONFIG: Readonly<Record<string, fc.Arbitrary<Raw>>> = {
  Hostname: oneOf(text('web'), text('ſtone')),
  User: oneOf(text('1000'), text('root')),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: oneOf(list('A=1'), list('A=\u00e9', 'B=\u2028"\\')),
  Cmd: oneOf(text('sh -c "exit"'), list('sh', '-c', 'x'), { items: [] }),
  Entrypoint: oneOf(text('/bin/sh'), list('/bin/sh')),
  Shell: oneOf(text('/bin/ash'), list('/bin/ash', '-c')),
  WorkingDir: oneOf(text('/'), text('/tmp')),
  StopSignal: oneOf(text('SIGINT'), text('15')),
  StopTimeout: oneOf(number('0'), number('7')),
  ExposedPorts: oneOf(map(['80/tcp', map()], ['81/udp', map()])),
}

const HOST: Readonly<Record<string, fc.Arbitrary<Raw>>> = {
  Binds: oneOf(list('/tmp:/a'), list('/tmp:/a:ro', '/etc:/B')),
  CapAdd: oneOf(text('CAP_NET_ADMIN'), list('CAP_NET_ADMIN', 'CAP_SYS_TIME')),
  CapDrop: oneOf(text('CAP_CHOWN'), list('CAP_CHOWN')),
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  Memory: oneOf(number('67108864'), number('134217729')),
  CpuShares: oneOf(number('2'), number('512')),
  PidMode: oneOf(text('host'), text('')),
  OomScoreAdj: oneOf(number('100'), number('-1')),
  Dns: oneOf(list('192.0.2.1'), { items: [] }),
  ExtraHosts: oneOf(list('a:192.0.2.1')),
  SecurityOpt: oneOf(list('no-new-privileges'), list('apparmor=unconfined')),
  GroupAdd: oneOf(list('7')),
  Devices: oneOf({
    items: [
      map(
        ['PathOnHost', text('/dev/null')],
        ['PathInContainer', text('/dev/x')],
        ['CgroupPermissions', text('r')],
      ),
    ],
  }),
  PortBindings: oneOf(
    map(['80/tcp', { items: [map(['HostIp', text('127.0.0.1')], ['HostPort', text('8080')])] }]),
  ),
  Tmpfs: oneOf(map(['/t', text('size=1m')], ['/T', text('')])),
  Sysctls: oneOf(map(['net.ipv4.ip_forward', text('1')])),
  ShmSize: oneOf(number('9007199254740993'), number('67108864')),
  RestartPolicy: oneOf(map(['Name', text('on-failure')], ['MaximumRetryCount', number('3')])),
}

const bodies: fc.Arbitrary<string> = fc
  .tuple(
    fc.record(CONFIG, { requiredKeys: [] }),
    fc.record(HOST, { requiredKeys: [] }),
    fc.constantFrom('inside', 'inside', 'astray'),
    fc.infiniteStream(fc.nat()),
    fc.constantFrom('[1]', '{"a":{"A":[]}}'),
  )
  .map(([config, host, where, numbers, unknown]) => {
    const roll = (below: number) => numbers.next().value % below
    const [label, run] = runLabel().split('=') as [string, string]
    const own = [
      ...given(host),
      // Without it the engine would look for a bridge.
      ['NetworkMode', text('none')] as const,
    ]
    const odd = (pairs: readonly (readonly [string, Raw])[]): [string, Raw][] =>
      pairs.map(([key, value]) => [roll(2) === 0 ? key : respelled(key, roll), deeper(key, value, roll)])
    const pairs: [string, Raw][] = [
      ...odd([...given(config), ['Image', text('busybox:latest')]]),
      ['Labels', map([label, text(run)], ['Case', text('A')], ['case', text('a')])],
      ['NoSuchField', readRaw(unknown)],
      ...(where === 'inside' ? odd([['HostConfig', { pairs: odd(own) }]]) : odd(own)),
    ]
    return write({ pairs: shuffled(pairs, roll) }, roll)
  })

/** Those that the generator has chosen. */
function given(fields: Readonly<Record<string, Raw | undefined>>): (readonly [string, Raw])[] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  )
}

/** Keys within structs are the engine's too; those of maps stay as they are. */
function deeper(key: string, value: Raw, roll: (below: number) => number): Raw {
  const structs = ['RestartPolicy', 'Devices', 'PortBindings']
  if (!structs.includes(key)) return value
  const each = (raw: Raw, isMap: boolean): Raw => {
    if ('items' in raw) return { items: raw.items.map((item) => each(item, false)) }
    if (!('pairs' in raw)) return raw
    return {
      pairs: raw.pairs.map(([name, inner]) => [isMap ? name : respelled(name, roll), each(inner, false)]),
    }
  }
  return each(value, key === 'PortBindings')
}

function shuffled<T>(all: readonly T[], roll: (below: number) => number): T[] {
  const left = [...all]
  return Array.from(all, () => left.splice(roll(left.length), 1)[0]!)
}

describeEachEngine('what hooks see of a create', (engine) => {
  let seen: CaseAdapter
  let powerstrip: Powerstrip

  beforeAll(async () => {
    seen = await startAdapter(echo)
    powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        endpoints: { 'POST /*/containers/create': { pre: ['seen'] } },
        adapters: { seen: seen.url },
      }),
    })
  })

  afterAll(async () => {
    await powerstrip.stop()
    await seen[Symbol.asyncDispose]()
  })

  /** What the engine holds of a container that is made for a moment. */
  async function held(create: () => Promise<string>): Promise<Record<string, Record<string, Value>>> {
    const id = await create()
    const inspected = await mustAsk(engine(), 'GET', `/containers/${id}/json`)
    await mustAsk(engine(), 'DELETE', `/containers/${id}?force=1&v=1`)
    return decodeAsScript(readRaw(inspected), ANY) as Record<string, Record<string, Value>>
  }

  test('is what the engine holds', async () => {
    const [label, run] = runLabel().split('=') as [string, string]
    const plain = { Image: 'busybox:latest', Labels: { [label]: run }, HostConfig: { NetworkMode: 'none' } }
    const initial = await held(async () => {
      const answer = await mustAsk(engine(), 'POST', '/containers/create', plain)
      return (JSON.parse(answer) as { Id: string }).Id
    })

    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const before = seen.calls.length
        const holds = await held(async () => {
          await using client = await RawPeer.connect({ kind: 'unix', path: powerstrip.socket })
          const bytes = Buffer.from(body)
          client.write(request('POST', '/v1.41/containers/create', bytes.toString('latin1')))
          const answer = await client.answer('POST')
          expect([answer.status, answer.status === 201 ? '' : answer.body.toString()]).toEqual([201, ''])
          return (JSON.parse(answer.body.toString()) as { Id: string }).Id
        })
        const shown = decodeAsScript(readRaw(seen.calls[before]!.message.ClientRequest.Body!), ANY) as Record<
          string,
          Value
        >
        const host = shown.HostConfig as Record<string, Value>
        // The image's command goes with the image's entrypoint only.
        const command = plainly(shown.Entrypoint) === null ? initial.Config!.Cmd : null
        const unsaid: Record<string, Value> = { ...initial.Config, Cmd: command ?? null }
        for (const key of [...Object.keys(CONFIG), 'Labels', 'Image'])
          expect([key, plainly(holds.Config![key])]).toEqual([
            key,
            plainly(shown[key]) ?? plainly(unsaid[key]),
          ])
        for (const key of [...Object.keys(HOST), 'NetworkMode'])
          expect([key, plainly(holds.HostConfig![key])]).toEqual([
            key,
            plainly(host[key]) ?? plainly(initial.HostConfig![key]),
          ])
      }),
      { numRuns: BODIES },
    )
  }, 600_000)
})

/** The engine makes no difference between nothing and empty here, and gives containers their hostname. */
function plainly(value: Value | undefined): unknown {
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'string' && /^[0-9a-f]{12}$/.test(value)) return 'its id'
  // SELinux's, for a container that shares the host's processes: the engine says so itself.
  if (Array.isArray(value)) {
    const asked = value.filter((item) => item !== 'label=disable')
    return asked.length === 0 ? null : asked
  }
  if (typeof value === 'object' && Object.keys(value).length === 0) return null
  return value
}

/**
 * `npm run bench:gate`: what judging a body costs, alone. The same bytes are judged over and over; medians of rounds.
 *
 * `npm run bench:chain` measures the whole hooked exchange, and what requests pay that no hook asked for.
 */
import { loadavg } from 'node:os'
import { readShownBody } from '../../src/gate/request-body.ts'
import { percentile } from '../figure.ts'

const variables = (count: number) => Array.from({ length: count }, (_, n) => `VARIABLE_${n}=value ${n}`)
const labels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`org.example.label.${n}`, `value ${n}`]))

/** As the docker CLI sends it: every field of the API, most of them empty. */
const create = (size: number) => ({
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: variables(size),
  Cmd: ['sh', '-c', 'echo hello'],
  Image: 'busybox',
  Volumes: {},
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: labels(size),
  HostConfig: {
    Binds: ['/data:/data'],
    ContainerIDFile: '',
    LogConfig: { Type: '', Config: {} },
    NetworkMode: 'default',
    PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    CapAdd: null,
    Dns: [],
    Privileged: false,
    Memory: 0,
    Mounts: [{ Type: 'volume', Source: 'data', Target: '/var/data' }],
    Ulimits: null,
  },
  NetworkingConfig: { EndpointsConfig: {} },
})

interface Case {
  readonly title: string
  readonly operation: string
  readonly body: unknown
  /** What it must not exceed, or must reach. */
  readonly target: { readonly mostUs: number } | { readonly leastMBs: number }
}

const CASES: readonly Case[] = [
  { title: 'a create', operation: 'ContainerCreate', body: create(20), target: { mostUs: 60 } },
  {
    title: 'a create with much environment and many labels',
    operation: 'ContainerCreate',
    body: create(40_000),
    target: { leastMBs: 40 },
  },
  {
    title: 'one long string',
    operation: 'SecretCreate',
    body: { Name: 'a', Data: 'YWJj'.repeat(900_000) },
    target: { leastMBs: 40 },
  },
  {
    title: 'small objects',
    operation: 'ContainerCreate',
    body: {
      HostConfig: {
        Mounts: Array.from({ length: 40_000 }, () => ({ Type: 'bind', Source: '/a', Target: '/b' })),
      },
    },
    target: { leastMBs: 40 },
  },
  {
    title: 'text beyond ASCII',
    operation: 'ContainerCreate',
    body: { Env: Array.from({ length: 30_000 }, () => 'GRUß=Grüße aus Köln, 東京') },
    target: { leastMBs: 40 },
  },
]

const ROUNDS = 15
const ROUND_BYTES = 8_000_000

const [load = 0] = loadavg()
console.log(`Node ${process.version}; load average ${load.toFixed(1)} before.\n`)
console.log('| body | bytes | µs | MB/s | target |')
console.log('|---|---:|---:|---:|---|')
for (const { title, operation, body, target } of CASES) {
  const data = Buffer.from(JSON.stringify(body))
  const facts = {
    hasBody: true,
    contentType: 'application/json',
    contentEncoding: undefined,
    operation,
    takes: 'json' as const,
  }
  const times: number[] = []
  const repeats = Math.max(1, Math.round(ROUND_BYTES / data.length))
  for (let round = 0; round < ROUNDS; round++) {
    const since = performance.now()
    for (let n = 0; n < repeats; n++)
      if (!readShownBody(data, facts).ok) throw new Error(`${title} is refused`)
    times.push(((performance.now() - since) * 1000) / repeats)
  }
  const us = percentile(Float64Array.from(times), 0.5)
  const rate = data.length / us
  const met = 'mostUs' in target ? us <= target.mostUs : rate >= target.leastMBs
  const wanted = 'mostUs' in target ? `≤ ${target.mostUs} µs` : `≥ ${target.leastMBs} MB/s`
  console.log(
    `| ${title} | ${data.length} | ${us.toFixed(us < 100 ? 1 : 0)} | ${rate.toFixed(0)} | ${met ? 'met' : 'MISSED'}: ${wanted} |`,
  )
}

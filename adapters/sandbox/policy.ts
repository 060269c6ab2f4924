/** What the configuration says under `with`: presets, and settings on top of them. */
import { isJsonObject } from 'powerstrip/sdk'
import { isCleanPath } from './host-paths.ts'
import { isNameRule } from './image-name.ts'
import { isRange } from './subnets.ts'

export interface Policy {
  /** `report`: what would be refused is logged and let pass. */
  readonly mode: 'enforce' | 'report'
  /** The engine, to be asked about containers, volumes, networks and images: `unix:///var/run/docker.sock`. */
  readonly engine: string
  /** Name of the group of clients that this adapter judges; what they make is theirs alone. `''`: nobody owns anything. */
  readonly owner: string
  /**
   * Names of containers and networks that clients do not touch, and paths that they do not mount: powerstrip's own, its
   * adapters'.
   */
  readonly protect: readonly string[]
  readonly access: 'read' | 'write'
  /** What may be read where nobody owns anything. */
  readonly reads: readonly Reading[]

  /** Folders of the host that may be mounted, and what lies below; `/srv/data:ro` read-only. */
  readonly mounts: readonly string[]
  readonly mountTypes: readonly string[]
  readonly mountOptions: readonly ('propagation' | 'subpath')[]
  /** Lets paths pass whose symbolic links cannot be followed, because powerstrip does not see the host's files. */
  readonly unresolvedPaths: boolean
  readonly sockets: boolean
  readonly volumeDrivers: readonly string[]

  readonly privileged: boolean
  readonly capabilities: readonly string[]
  readonly securityOptions: readonly string[]
  readonly unmaskedPaths: boolean
  readonly devices: readonly string[]
  readonly deviceRules: readonly string[]
  readonly gpus: boolean
  readonly runtimes: readonly string[]
  readonly cgroupParents: readonly string[]
  readonly sysctls: readonly string[]
  /** Whether containers may run as root. */
  readonly root: boolean
  readonly ulimits: readonly string[]
  readonly oom: boolean
  readonly logDrivers: readonly string[]

  readonly hostNamespaces: readonly HostNamespace[]
  readonly networks: readonly string[]
  readonly networkDrivers: readonly string[]
  readonly networkOptions: readonly string[]
  /** Addresses that new networks may have: `10.0.0.0/8`. */
  readonly subnets: readonly string[]
  readonly publish: 'none' | 'loopback' | 'any'
  readonly extraHosts: boolean
  readonly restartPolicies: readonly string[]
  readonly checkpoints: boolean

  /** Where images come from: `docker.io/library`, `registry.example`, `*`. */
  readonly registries: readonly string[]
  /** Names within the registries that clients may give to images of their own. */
  readonly tags: readonly string[]
  readonly push: readonly string[]
  readonly imports: boolean
  readonly commits: boolean
  readonly onBuild: boolean
  readonly builds: boolean
  readonly buildRemote: boolean
  readonly sessions: boolean

  readonly swarm: 'none' | 'services' | 'manage'
  readonly plugins: boolean
  /** Fields that no rule knows and that may pass all the same. */
  readonly fields: readonly string[]
}

export type Reading = 'logs' | 'files' | 'environment' | 'events'
export type HostNamespace = 'pid' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'network'

/** Without a preset: everything that gives a container power over its host is off, everything else is as usual. */
export const DEFAULTS: Policy = {
  mode: 'enforce',
  engine: '',
  owner: '',
  protect: [],
  access: 'write',
  reads: ['logs', 'files', 'environment', 'events'],
  mounts: [],
  mountTypes: ['bind', 'volume', 'tmpfs'],
  mountOptions: [],
  unresolvedPaths: false,
  sockets: false,
  volumeDrivers: ['local'],
  privileged: false,
  capabilities: [],
  securityOptions: [],
  unmaskedPaths: false,
  devices: [],
  deviceRules: [],
  gpus: false,
  runtimes: [],
  cgroupParents: [],
  // Those that Kubernetes calls safe: they concern the container alone.
  sysctls: [
    'kernel.shm_rmid_forced',
    'net.ipv4.ip_local_port_range',
    'net.ipv4.ip_unprivileged_port_start',
    'net.ipv4.ping_group_range',
    'net.ipv4.tcp_syncookies',
  ],
  root: true,
  ulimits: ['core', 'cpu', 'data', 'fsize', 'nofile', 'nproc', 'stack'],
  oom: false,
  logDrivers: ['json-file', 'local', 'none'],
  hostNamespaces: [],
  networks: ['bridge', 'none'],
  networkDrivers: ['bridge'],
  networkOptions: ['com.docker.network.driver.mtu', 'com.docker.network.bridge.enable_icc'],
  // The private ones; whoever has machines there that containers must not pass for names fewer.
  subnets: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  publish: 'loopback',
  extraHosts: false,
  restartPolicies: ['no', 'on-failure'],
  checkpoints: false,
  registries: ['*'],
  tags: [],
  push: [],
  imports: false,
  commits: true,
  onBuild: false,
  builds: false,
  buildRemote: false,
  sessions: false,
  swarm: 'none',
  plugins: false,
  fields: [],
}

export const PRESETS: Readonly<Record<string, Partial<Policy>>> = {
  /** For dashboards: lists, states and figures, no contents. */
  readonly: { access: 'read', reads: ['events'] },
  /** For build agents: builds and test containers of their own, nothing of the host's or of others. */
  ci: { owner: 'ci', builds: true, extraHosts: true },
  /** For programs that nobody watches: containers of Docker's own images, nothing left behind, nothing reachable. */
  agent: {
    owner: 'agent',
    registries: ['docker.io/library'],
    publish: 'none',
    restartPolicies: ['no'],
    commits: false,
  },
}

/** Throws what is wrong with it. */
export function readPolicy(value: unknown): Policy {
  if (!isJsonObject(value)) throw new TypeError('the options are a map')
  const { preset, ...given } = value
  const base = presetNamed(preset)
  const known = Object.keys(DEFAULTS)
  const policy: Record<string, unknown> = { ...DEFAULTS, ...base }
  for (const [name, wanted] of Object.entries(given)) {
    if (!known.includes(name))
      throw new TypeError(`there is no option "${name}"; there are: preset, ${known.join(', ')}`)
    policy[name] = readSetting(name as keyof Policy, wanted)
  }
  const read = policy as unknown as Policy
  const engine = read.engine || process.env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  return { ...read, engine, capabilities: read.capabilities.map(capabilityName) }
}

/** Paths that no mount may show, nor anything that lies in them: the engine's socket, and what is protected. */
export function closedPaths({ engine, protect }: Policy): string[] {
  const socket = engine.startsWith('unix://') ? [engine.slice('unix://'.length)] : []
  return [...socket, ...protect.filter((name) => name.startsWith('/'))]
}

/** As the kernel's own list has it, without the prefix: `NET_ADMIN`. */
export function capabilityName(text: string): string {
  return text.toUpperCase().replace(/^CAP_/, '')
}

function presetNamed(preset: unknown): Partial<Policy> {
  if (preset === undefined) return {}
  const found = typeof preset === 'string' && Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : undefined
  if (found === undefined) throw new TypeError(`"preset": is one of ${Object.keys(PRESETS).join(', ')}`)
  return found
}

const WORDS: { readonly [Name in keyof Policy]?: readonly string[] } = {
  mode: ['enforce', 'report'],
  access: ['read', 'write'],
  reads: ['logs', 'files', 'environment', 'events'],
  mountOptions: ['propagation', 'subpath'],
  hostNamespaces: ['pid', 'ipc', 'uts', 'user', 'cgroup', 'network'],
  publish: ['none', 'loopback', 'any'],
  swarm: ['none', 'services', 'manage'],
}

/** What a single entry has to be, beyond being text. */
const CHECKS: { readonly [Name in keyof Policy]?: (entry: string) => string | undefined } = {
  mounts: (entry) =>
    isCleanPath(entry.replace(/:ro$/, ''))
      ? undefined
      : `"${entry}" is no clean absolute path of a folder, with ":ro" or without`,
  protect: (entry) =>
    !entry.startsWith('/') || isCleanPath(entry)
      ? undefined
      : `"${entry}" is neither the name of a container or network nor a clean path`,
  subnets: (entry) => (isRange(entry) ? undefined : `"${entry}" is no range of addresses such as 10.0.0.0/8`),
  registries: nameRule,
  tags: nameRule,
  push: nameRule,
  owner: (entry) => (/^[a-zA-Z0-9_.-]*$/.test(entry) ? undefined : 'is letters, digits, ".", "_" and "-"'),
}

function nameRule(entry: string): string | undefined {
  return isNameRule(entry)
    ? undefined
    : `"${entry}" does not begin with a registry; write docker.io/${entry} for Docker Hub`
}

function readSetting(name: keyof Policy, value: unknown): unknown {
  const wanted = DEFAULTS[name]
  const wrong = (problem: string) => new TypeError(`"${name}": ${problem}`)
  if (typeof wanted === 'boolean') {
    if (typeof value !== 'boolean') throw wrong('is true or false')
    return value
  }
  const several = Array.isArray(wanted)
  const entries = several ? value : [value]
  if (!Array.isArray(entries) || !entries.every((entry): entry is string => typeof entry === 'string'))
    throw wrong(several ? 'is a list of texts' : 'is text')
  const words = WORDS[name]
  for (const entry of entries) {
    if (words !== undefined && !words.includes(entry))
      throw wrong(`is one of ${words.join(', ')}, not "${entry}"`)
    const problem = CHECKS[name]?.(entry)
    if (problem !== undefined) throw wrong(problem)
  }
  return value
}

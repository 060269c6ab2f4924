/** The second part: a web site runs on one host, is stopped, and runs on the other, by docker commands alone. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { importNode, importRedis } from '../test/support/images/index.ts'
import { differencesFrom, layOutAlbum, sumsOf } from './album.ts'
import { type Cluster, type Node, startCluster } from './cluster.ts'
import { megabytes, proven, say, seconds } from './tell.ts'
import { LEGEND } from './trace.ts'
import { Visitor } from './visitor.ts'

const NODE = 'node:20-bookworm-slim'
const REDIS = 'redis:7'

/** The commands that run the site, on whichever host they are typed. */
const RUN_DATABASE = [
  ...['run', '--detach', '--name', 'db', '--volume', '/flocker/db:/data', '--env', 'WEAVE_CIDR=10.2.1.2/24'],
  ...[REDIS, 'redis-server', '--appendonly', 'yes', '--appendfsync', 'always'],
]
const RUN_SITE = ['run', '--detach', '--name', 'web', '--env', 'WEAVE_CIDR=10.2.1.1/24', 'site']

export async function showMovingSite(moves: number): Promise<void> {
  await using cluster = await startCluster()
  const [first, second] = cluster.nodes
  say(
    '\nThe images, made on both hosts: Redis from Debian, Node from this machine, and the site built on it.',
  )
  const engines = cluster.nodes.map(({ host }) => host.engine)
  await Promise.all([importNode(engines, NODE), importRedis(engines, REDIS)])
  for (const node of cluster.nodes)
    await node.type(['build', '--quiet', '--tag', 'site', 'examples/flocker-weave/site'])

  say(
    `\nThe site on ${first.name}: a database whose files are the dataset "db", and the server that asks it.`,
  )
  await first.type(RUN_DATABASE)
  say(`    ${LEGEND}`)
  first.trace.tell()
  await first.type(RUN_SITE)
  first.trace.tell()
  await addAlbum(first)

  say('\nA visitor, who keeps asking for the page, with the cookie that the site has given:')
  const visit = [
    '--volume',
    `${resolve('demo/visitor.mjs')}:/visitor.mjs:ro`,
    '--env',
    'WEAVE_CIDR=10.2.1.9/24',
  ]
  const visitor = new Visitor(
    first.hold([
      'run',
      '--rm',
      '--interactive',
      '--name',
      'visitor',
      ...visit,
      NODE,
      'node',
      '/visitor.mjs',
      'http://10.2.1.1/',
    ]),
  )
  const { page } = await visitor.next()
  first.trace.tell()
  proven(page.address === '10.2.1.1', 'the site has the address that WEAVE_CIDR asked for, 10.2.1.1', page)
  proven(page.database.address === '10.2.1.2', 'its database is "db", which is 10.2.1.2', page)
  await visitor.next((later) => later.yourVisits > 3)

  await showRefusal(second)
  await showUndoing(second, cluster)

  const aways: Away[] = []
  for (let move = 1; move <= moves; move++) {
    const [from, to] = move % 2 === 1 ? [first, second] : [second, first]
    say(`\nMove ${move}${moves === 1 ? '' : ` of ${moves}`}: from ${from.name} to ${to.name}`)
    aways.push(await moveSite(from, to, visitor))
  }
  await visitor.leave()

  const worst = aways.reduce((one, other) => (rest(other) > rest(one) ? other : one))
  say(
    `\n${moves} of ${moves} moves: one session, ${visitor.seen} pages, a counter that never went backwards, every checksum right.`,
  )
  if (moves > 1) say(`In the slowest the site was away for ${seconds(worst.awayMs)}: ${describe(worst)}.`)
}

function rest({ awayMs, copyMs }: Away): number {
  return awayMs - copyMs
}

/** Files beside the database, so that there is something to carry. */
async function addAlbum(node: Node): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'album-'))
  try {
    await layOutAlbum(dir)
    await node.type(['cp', '--archive', `${dir}/.`, 'db:/data/album'])
    await node.type(['exec', 'db', 'busybox', 'truncate', '-s', '50M', '/data/album/empty space'])
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function showRefusal(node: Node): Promise<void> {
  say(`\nWhile the site runs, nobody takes its data away:`)
  const refused = await node.typeRefused(['run', '--rm', '--volume', '/flocker/db:/data', REDIS, 'true'])
  say(`    ${refused.split('\n')[0]}`)
  node.trace.tell()
  proven(/in use on 10\.214\.0\.1 .* by db/.test(refused), 'it is refused, and says who has it', refused)
}

/** Weave says no, and flocker, which had said yes, is told to let go. */
async function showUndoing(node: Node, cluster: Cluster): Promise<void> {
  say('\nAn address in use is refused, and what was done for the same container before is undone:')
  const mounts = ['--volume', '/flocker/fresh:/data', '--env', 'WEAVE_CIDR=10.2.1.1/24']
  const refused = await node.typeRefused(['run', '--rm', ...mounts, REDIS, 'true'])
  say(`    ${refused.split('\n')[0]}`)
  const leases = (await cluster.asked('/configuration/leases')) as { readonly dataset_id: string }[]
  const datasets = (await cluster.asked('/configuration/datasets')) as {
    readonly dataset_id: string
    readonly metadata: { readonly name?: string }
    readonly deleted: boolean
  }[]
  node.trace.tell()
  proven(/denied by adapter "weave": the address 10\.2\.1\.1 /.test(refused), 'weave refuses it', refused)
  const fresh = datasets.find(({ metadata }) => metadata.name === 'fresh')
  proven(fresh?.deleted === false, 'flocker had made the dataset "fresh" for it, which stays', datasets)
  proven(
    leases.every(({ dataset_id }) => dataset_id !== fresh?.dataset_id),
    'its lease is given back already: another host could have it now',
    leases,
  )
}

interface Away {
  /** From the last page before to the first page after. */
  readonly awayMs: number
  readonly copyMs: number
}

/** Moves the site by docker commands alone, and compares what is there with what was. */
async function moveSite(from: Node, to: Node, visitor: Visitor): Promise<Away> {
  const before = visitor.last.page
  const source = await dataOf(from)
  const album = await sumsOf(join(source, 'album'))

  await from.type(['stop', 'web', 'db'])
  const last = visitor.last
  const database = await sumsOf(join(source, 'appendonlydir'))
  await from.type(['rm', 'web', 'db'])
  // One after the other: a site that looks for its database while that is being attached to the network loses a second, until
  // the kernel asks for the address again.
  await to.type(RUN_DATABASE)
  await to.type(RUN_SITE)
  const back = await visitor.next(({ container }) => container !== before.container)
  if (visitor.broken !== undefined) throw visitor.broken
  for (const node of [from, to]) {
    say(`  What the adapters did on ${node.name}:`)
    node.trace.tell()
  }

  const { page } = back
  const target = await dataOf(to)
  const differences = [
    ...(await differencesFrom(album, join(target, 'album'))),
    ...(await differencesFrom(database, join(target, 'appendonlydir'))),
  ]
  const files = [...album, ...database]
  proven(page.session === before.session, 'the visitor has the same session', page)
  proven(
    page.yourVisits > last.page.yourVisits && page.allVisits > last.page.allVisits,
    `the counter goes on: ${last.page.allVisits} before, ${page.allVisits} after`,
    page,
  )
  proven(page.address === before.address, `the site has the same address, ${page.address}`, page)
  proven(
    page.database.address === before.database.address,
    `and the same link to its database, ${page.database.name} at ${page.database.address}`,
    page,
  )
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  proven(
    differences.length === 0,
    `each of ${files.length} files has the content, owner and mode that it had (${megabytes(bytes)})`,
    differences,
  )
  const away = { awayMs: back.at - last.at, copyMs: to.lastCopyMs() }
  say(`  The site was away for ${seconds(away.awayMs)}: ${describe(away)}.`)
  return away
}

function describe({ awayMs, copyMs }: Away): string {
  return `${seconds(copyMs)} for the copy, ${seconds(awayMs - copyMs)} for all else`
}

/** Where the dataset is on a host, from what the database has mounted. */
async function dataOf({ host }: Node): Promise<string> {
  const format = '{{range .Mounts}}{{if eq .Destination "/data"}}{{.Source}}{{end}}{{end}}'
  return host.mustDocker(['inspect', '--format', format, 'db'])
}

/** Debian's registry of Docker images, private to a test, on a port of this machine: engines take 127.0.0.1 without TLS. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { unpackPackage } from './engine/index.ts'
import { spawnMortal } from './mortal.ts'

/** Who may push and pull. The hash is what `htpasswd -nbB` makes of it. */
const USER = 'alice'
const PASSWORD = 'between-friends'
const HASH = '$2b$05$powerstripregistryaaauq4xgE3saFrrvUiU9X1eX6C4bDe9YI4O'

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: what names of images begin with. */
  readonly name: string
  /** A `DOCKER_CONFIG` that has its credentials, as `docker login` leaves it. */
  readonly configDir: string
  /** What nobody but the engine and the registry may ever see: the password, and the forms that clients send it in. */
  readonly secrets: readonly string[]
  /** Digest of the manifest that it has under a name. */
  digest(repository: string, tag: string): Promise<string>
}

export async function startRegistry(): Promise<Registry> {
  const program = join(await unpackPackage('docker-registry'), 'usr/bin/docker-registry')
  const dir = await mkdtemp(join(tmpdir(), 'registry-'))
  await writeFile(join(dir, 'users'), `${USER}:${HASH}\n`)
  const settings = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, 'data') } },
    // A port of its choosing, which it tells in its log.
    http: { addr: '127.0.0.1:0', secret: 'one registry alone' },
    auth: { htpasswd: { realm: 'tests', path: join(dir, 'users') } },
  }
  await writeFile(join(dir, 'registry.yml'), JSON.stringify(settings))
  const child = spawnMortal(program, ['serve', join(dir, 'registry.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH },
  })
  const gone = once(child, 'exit')
  const name = await new Promise<string>((resolve, reject) => {
    let said = ''
    createInterface({ input: child.stderr! }).on('line', (line) => {
      said += `${line}\n`
      const [, address] = /msg="listening on (\S+)"/.exec(line) ?? []
      if (address !== undefined) resolve(address)
    })
    child.once('exit', () => reject(new Error(`the registry ended before it listened:\n${said}`)))
    child.once('error', reject)
  })

  const basic = Buffer.from(`${USER}:${PASSWORD}`).toString('base64')
  await writeFile(join(dir, 'config.json'), JSON.stringify({ auths: { [name]: { auth: basic } } }))
  return {
    name,
    configDir: dir,
    secrets: [PASSWORD, basic, ...passwordIn64()],
    async digest(repository, tag) {
      const answer = await fetch(`http://${name}/v2/${repository}/manifests/${tag}`, {
        method: 'HEAD',
        headers: {
          authorization: `Basic ${basic}`,
          accept: 'application/vnd.docker.distribution.manifest.v2+json',
        },
      })
      return answer.headers.get('docker-content-digest') ?? `the registry answered ${answer.status}`
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The password within base64, at each of the three places in a group of four that it can begin at. */
function passwordIn64(): readonly string[] {
  return ['', 'x', 'xx'].map((before) => {
    const coded = Buffer.from(`${before}${PASSWORD}`).toString('base64')
    // Without what the neighbours have a part in.
    return coded.slice(before === '' ? 0 : 4, -4)
  })
}

/** `powerstrip init-adapter`: a small adapter that works, to begin with. */
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../version.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

/** Writes into a new folder, or an empty one. */
export async function runInitAdapter(folder: string, around: Surroundings): Promise<ExitCode> {
  const there = resolve(folder)
  const name = basename(there)
  if (!/^[a-z][a-z0-9-]*$/.test(name)) {
    around.err(
      `powerstrip init-adapter: "${name}" becomes the adapter's name: lower-case letters, digits and "-" only\n`,
    )
    return 2
  }
  try {
    await mkdir(there, { recursive: true })
    const found = await readdir(there)
    if (found.length > 0) {
      around.err(`powerstrip init-adapter: ${folder} is not empty: it has ${found.slice(0, 3).join(', ')}\n`)
      return 2
    }
    for (const [file, text] of Object.entries(filesOf(name, packageSource())))
      await writeFile(join(there, file), text)
  } catch (problem) {
    around.err(`powerstrip init-adapter: ${problem instanceof Error ? problem.message : String(problem)}\n`)
    return 1
  }
  around.out(`the adapter "${name}" is in ${folder}; ${join(folder, 'README.md')} says how to go on\n`)
  return 0
}

/** Where `npm install` finds powerstrip: in the registry, or in the checkout that this runs from. */
function packageSource(): string {
  let home = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(home, 'package.json'))) home = dirname(home)
  return basename(dirname(home)) === 'node_modules' ? `^${VERSION}` : `file:${home}`
}

function filesOf(name: string, source: string): Readonly<Record<string, string>> {
  return {
    'package.json': `${JSON.stringify(
      {
        name,
        version: '0.1.0',
        private: true,
        type: 'module',
        scripts: { test: 'node --test' },
        dependencies: { powerstrip: source },
      },
      null,
      2,
    )}\n`,
    // Nothing that is needed here has to run anything to be installed.
    '.npmrc': 'ignore-scripts=true\n',
    '.dockerignore': 'node_modules\n',
    'adapter.js': adapterText(name),
    'adapter.test.js': TEST,
    'adapters.yml': configText(name),
    Dockerfile: DOCKERFILE,
    'README.md': readmeText(name),
  }
}

function adapterText(name: string): string {
  return `// @ts-check
import { defineAdapter, options, text } from 'powerstrip/sdk'

/** Labels every new container with its team, and refuses privileged ones. */
export default defineAdapter({
  name: '${name}',
  version: '0.1.0',
  sideEffects: 'None',
  idempotent: true,
  config: options({ team: text('nobody') }),
  pre: {
    ContainerCreate({ body, config }) {
      body.Labels = { ...body.Labels, team: config.team }
    },
  },
  validate: {
    ContainerCreate: ({ body, deny }) =>
      body.HostConfig?.Privileged ? deny('privileged containers are not allowed here') : undefined,
  },
})
`
}

const TEST = `// @ts-check
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeCall } from 'powerstrip/sdk'
import definition from './adapter.js'

const adapter = definition.create({ team: 'infra' })
const signal = new AbortController().signal

test('labels a new container, and leaves the rest alone', async () => {
  const call = makeCall('pre-hook', { operation: 'ContainerCreate', body: { Image: 'busybox' } })
  const { outcome } = await adapter.answer(call, signal)
  assert.deepEqual(outcome, {
    kind: 'replace',
    patch: { type: 'JSONPatch', text: '[{"op":"add","path":"/Labels","value":{"team":"infra"}}]' },
  })
})

test('refuses a privileged one', async () => {
  const body = { Image: 'busybox', HostConfig: { Privileged: true } }
  const { outcome } = await adapter.answer(makeCall('validate-hook', { operation: 'ContainerCreate', body }), signal)
  assert.equal(outcome.kind, 'deny')
})
`

function configText(name: string): string {
  return `version: 2
adapters:
  ${name}: { module: ./adapter.js, with: { team: infra } }
endpoints:
  ContainerCreate: { pre: [${name}], validate: [${name}] }
`
}

const DOCKERFILE = `# On the image of powerstrip itself: "docker build --tag powerstrip ." in its own folder.
FROM powerstrip
COPY adapter.js /opt/powerstrip/adapter.js
EXPOSE 4000
CMD ["adapter", "/opt/powerstrip/adapter.js", "--listen", "http://0.0.0.0:4000"]
`

function readmeText(name: string): string {
  return `# ${name}

An adapter for powerstrip. \`adapter.js\` is all of it; \`adapter.test.js\` asks it without sockets.

\`\`\`sh
npm install
npm test
\`\`\`

It runs within powerstrip, in front of the engine of this machine:

\`\`\`sh
npx powerstrip serve --config adapters.yml --listen unix:///run/powerstrip.sock &
export DOCKER_HOST=unix:///run/powerstrip.sock
\`\`\`

\`\`\`console
$ docker run --rm --name labelled --detach busybox sleep 60
…
$ docker inspect --format '{{.Config.Labels.team}}' labelled
infra
$ docker run --rm --privileged busybox true
docker: Error response from daemon: denied by adapter "${name}": privileged containers are not allowed here.
…
$ docker rm --force labelled
labelled
\`\`\`

## As a service

\`\`\`sh
npx powerstrip adapter adapter.js --unix ${name}.sock --with '{"team":"infra"}'
\`\`\`

and in \`adapters.yml\` \`${name}: { unix: ./${name}.sock }\` instead of the module.

## As a container

The image is that of powerstrip with \`adapter.js\` in it. In a checkout of powerstrip, \`docker build --tag powerstrip .\` makes the first, as its
\`docs/docker.md\` says. Then, here, with the engine's own socket in \`DOCKER_HOST\` (an adapter that is a container is not started through itself):

\`\`\`sh
docker build --tag ${name} .
docker run --detach --name ${name} --publish 127.0.0.1:4000:4000 ${name}
\`\`\`

and in \`adapters.yml\`

\`\`\`yaml
  ${name}: { url: "http://127.0.0.1:4000", with: { team: infra } }
\`\`\`
`
}

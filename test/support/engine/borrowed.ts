import { dirname, resolve } from 'node:path'
import { callApi, mustCallApi, versionOf } from './api.ts'
import type { Engine, EngineKind } from './engine.ts'
import { runLabel } from './run-label.ts'

/** The engine the user lends to the tests, by the path of its socket. */
export function borrowedSocket(): string | undefined {
  const told = process.env.POWERSTRIP_TEST_ENGINE
  return told ? resolve(told.replace(/^unix:\/\//, '')) : undefined
}

/** Somebody's own engine: used, never stopped, and left without what this run has put into it. */
export async function borrowEngine(kind: EngineKind, socket: string): Promise<Engine> {
  const notOurs = (what: string) =>
    new Error(`${what}: this engine is the one POWERSTRIP_TEST_ENGINE names (${socket}), not ours`)

  return {
    kind,
    socket,
    host: `unix://${socket}`,
    dir: dirname(socket),
    address: undefined,
    ...(await versionOf(socket)),
    get pid(): number {
      throw notOurs('no process id is known')
    },
    async kill() {
      throw notOurs('it is not killed')
    },
    async start() {
      throw notOurs('it is not started')
    },
    dispose: () => removeLabelled(socket),
    [Symbol.asyncDispose]: () => removeLabelled(socket),
  }
}

async function removeLabelled(socket: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [runLabel()] }))
  // Containers first: they hold on to all the rest.
  await removeAll(
    socket,
    `/containers/json?all=1&filters=${filters}`,
    'Id',
    (id) => `/containers/${id}?force=1&v=1`,
  )
  await removeAll(socket, `/networks?filters=${filters}`, 'Id', (id) => `/networks/${id}`)
  await removeAll(socket, `/volumes?filters=${filters}`, 'Name', (name) => `/volumes/${name}?force=1`)
  await removeAll(socket, `/images/json?filters=${filters}`, 'Id', (id) => `/images/${id}?force=1`)
}

async function removeAll(
  socket: string,
  list: string,
  key: string,
  pathOf: (id: string) => string,
): Promise<void> {
  const told = JSON.parse(await mustCallApi(socket, 'GET', list)) as unknown
  const objects = Array.isArray(told) ? told : ((told as { Volumes?: unknown[] | null }).Volumes ?? [])
  for (const object of objects as Record<string, unknown>[]) {
    // A 404 is an `--rm` that was faster.
    await callApi(socket, 'DELETE', pathOf(String(object[key])))
  }
}

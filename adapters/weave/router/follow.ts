/** What no client's request tells: containers that the engine starts again by itself, ends, or removes. */
import { setTimeout as pause } from 'node:timers/promises'
import type { AdapterLog, BackgroundContext } from 'powerstrip/sdk'
import { LABEL } from '../containers.ts'
import { objectIn } from '../holders.ts'
import { asList } from '../networks.ts'
import type { RouterSettings, Settings } from '../settings.ts'
import { attach, giveBack } from './held-back.ts'

const FILTERS = { type: ['container'], event: ['start', 'die', 'destroy'], label: [LABEL] }

export async function followContainers(
  { config, signal, log }: BackgroundContext<Settings>,
  onRouter: RouterSettings,
): Promise<void> {
  for await (const news of config.engine.events(FILTERS, signal)) {
    if (news.kind === 'lost') log.warn(`weave: ${news.message}`)
    if (news.kind === 'connected') await reconcile(config, onRouter, signal, log)
    if (news.kind !== 'event') continue
    if (news.action === 'start') void keepAttaching(news.id, config, onRouter, signal, log)
    if (news.action === 'die')
      await onRouter.attachments.run(news.id, () => onRouter.router.deregister(news.id, signal))
    if (news.action === 'destroy') await giveBack(news.id, onRouter, signal)
  }
}

/** Containers that run are attached, and what containers had that are gone is given back. */
async function reconcile(
  settings: Settings,
  onRouter: RouterSettings,
  signal: AbortSignal,
  log: AdapterLog,
): Promise<void> {
  // First: what is made after this question is not taken for gone.
  const owners = await onRouter.router.owners(signal)
  const listed = await settings.engine.json('GET', '/containers/json', { query: { all: true }, signal })
  if (!listed.ok) return log.warn(`weave: ${listed.failure.message}`)
  const containers = asList(listed.value.body).map(objectIn)
  for (const { Id, State, Labels } of containers)
    if (State === 'running' && objectIn(Labels)[LABEL] !== undefined)
      void keepAttaching(String(Id), settings, onRouter, signal, log)
  if (!owners.ok) return log.warn(`weave: ${owners.failure.message}`)
  const here = new Set(containers.map(({ Id }) => Id))
  for (const id of owners.value) if (!here.has(id)) await giveBack(id, onRouter, signal)
}

const FIRST_RETRY_MS = 2000
const LAST_RETRY_MS = 60_000
const RETRY_FACTOR = 1.5

/** Until it is attached or has ended. A container that a client started is killed by then if it could not be attached. */
async function keepAttaching(
  id: string,
  settings: Settings,
  onRouter: RouterSettings,
  signal: AbortSignal,
  log: AdapterLog,
): Promise<void> {
  for (
    let delayMs = FIRST_RETRY_MS;
    !signal.aborted;
    delayMs = Math.min(delayMs * RETRY_FACTOR, LAST_RETRY_MS)
  ) {
    const trouble = await attach(id, settings, onRouter, signal).catch((problem: Error) => problem)
    if (trouble === undefined || signal.aborted) return
    log.warn(`weave: container ${id.slice(0, 12)} is not attached: ${trouble.message}`)
    await pause(delayMs, undefined, { signal }).catch(() => {})
  }
}

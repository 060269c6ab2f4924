/**
 * The leases of this host, from the first wish for a dataset to the removal of the last container that uses it.
 *
 *     a container is wanted       taken, to expire by itself soon: a request may still fail, here or later in the chain
 *     the container is started    without end: it must outlive this adapter, the proxy and the control service
 *     it is stopped               stays: `docker start` would find nothing, or another's data, where its mount was
 *     the last one is removed     given back
 *
 * Which containers use a dataset, only the engine knows. Its events say when to look, and its list of containers says what is
 * so; everything else is worked out from there, so that nothing has to be remembered over a restart.
 */
import type { AdapterLog, Result } from 'powerstrip/sdk'
import type { ContainerUse } from './containers.ts'
import type { ControlService, Lease, Leases as LeaseList, Node } from './control-service.ts'
import { nameNode, type ThisNode } from './this-node.ts'
import { broken, refused, type Trouble, troubleOf } from './trouble.ts'

/** A request that is on its way to the engine. Its container will be known by it. */
export interface Claim {
  readonly id: string
  /** What it is for, in the words of the request. */
  readonly asked: string
  /** The name of the container, if it gets one. */
  readonly container: string | undefined
  readonly datasets: Set<string>
  /** By then its leases have expired, and whatever it was for has not come about. */
  untilMs: number
}

export interface LeaseTerms {
  readonly control: ControlService
  /** `none`: the service has no leases. */
  readonly kind: 'required' | 'none'
  /** How long a lease lasts that no started container has confirmed. */
  readonly confirmWithinMs: number
}

export class Leases {
  readonly #terms: LeaseTerms
  readonly #claims = new Map<string, Claim>()
  /** Datasets whose containers have been seen here: what is given back once they are gone. */
  readonly #seen = new Set<string>()
  /** Datasets that have been warned of: once is enough. */
  readonly #lost = new Set<string>()
  /** By dataset, the end of the last change in line: a lease is looked at and changed in one go. */
  readonly #lines = new Map<string, Promise<unknown>>()

  constructor(terms: LeaseTerms) {
    this.#terms = terms
  }

  /** A third of the time that a lease lasts: two renewals may fail. */
  get renewEveryMs(): number {
    return this.#terms.confirmWithinMs / 3
  }

  begin({ id, asked, container }: Pick<Claim, 'id' | 'asked' | 'container'>): Claim {
    const claim = {
      id,
      asked,
      container,
      datasets: new Set<string>(),
      untilMs: Date.now() + this.#terms.confirmWithinMs,
    }
    this.#claims.set(id, claim)
    return claim
  }

  /** Whether anything is on its way, so that the engine's events matter. */
  get isWaiting(): boolean {
    this.#forgetOld()
    return this.#claims.size > 0
  }

  /** Takes the lease for this host, or renews it. `fresh`: this host did not have it. */
  async take(
    claim: Claim,
    dataset: NamedDataset,
    node: ThisNode,
    signal: AbortSignal,
  ): Promise<Result<{ readonly fresh: boolean }, Trouble>> {
    claim.datasets.add(dataset.id)
    claim.untilMs = Date.now() + this.#terms.confirmWithinMs
    if (this.#terms.kind === 'none') return { ok: true, value: { fresh: false } }
    return this.#inLine(dataset.id, () => this.#take(claim, dataset, node, signal))
  }

  async #take(
    { container }: Claim,
    dataset: NamedDataset,
    node: ThisNode,
    signal: AbortSignal,
  ): Promise<Result<{ readonly fresh: boolean }, Trouble>> {
    const { control, confirmWithinMs } = this.#terms
    if (node.uuid === undefined) return broken(NO_LEASES)
    const listed = await this.#list(signal)
    if (!listed.ok) return listed
    const held = listed.value.leases.find((lease) => lease.dataset === dataset.id)
    if (held !== undefined && !node.is(held.node)) return this.#heldElsewhere(dataset, held, signal)
    // Of a container that runs here. To renew it would be to let it expire.
    if (held !== undefined && held.expires === null) return { ok: true, value: { fresh: false } }
    const usedBy = container === undefined ? [] : [container]
    const lease = { dataset: dataset.id, node: node.uuid, expires: secondsOf(confirmWithinMs), usedBy }
    const asked = await control.lease(lease, signal)
    if (!asked.ok && asked.failure.kind === 'refused' && asked.failure.status === 409) {
      const again = await this.#list(signal)
      const holder = again.ok ? again.value.leases.find((lease) => lease.dataset === dataset.id) : undefined
      return this.#heldElsewhere(dataset, holder, signal)
    }
    return troubleOf(asked)
  }

  async #heldElsewhere(
    { name }: NamedDataset,
    lease: Lease | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly ok: false; readonly failure: Trouble }> {
    const nodes = await this.#terms.control.nodes(signal)
    const where = lease === undefined ? 'another host' : nameNode(nodes.ok ? nodes.value : [], lease.node)
    const user = lease === undefined || lease.usedBy.length === 0 ? 'a container' : lease.usedBy.join(', ')
    const until =
      lease === undefined || lease.expires === null
        ? 'it is free once what uses it there is removed'
        : `which is not started yet; if it never is, the dataset is free in ${Math.ceil(lease.expires)} s`
    return refused(`the dataset "${name}" is in use on ${where} by ${user}; ${until}`)
  }

  async #list(signal: AbortSignal): Promise<Result<LeaseList, Trouble>> {
    const listed = await this.#terms.control.leases(signal)
    if (!listed.ok && listed.failure.kind === 'refused' && listed.failure.status === 404)
      return broken(NO_LEASES)
    return troubleOf(listed)
  }

  /** The request has failed. What nobody else waits for or uses is free at the next comparison. */
  giveUp(claim: string, datasets: Iterable<string> = []): void {
    for (const dataset of [...(this.#claims.get(claim)?.datasets ?? []), ...datasets]) this.#seen.add(dataset)
    this.#claims.delete(claim)
  }

  /** The engine has the container of this claim, or had it. From here on its list of containers speaks for it. */
  arrived(claimId: string, datasets: readonly string[]): void {
    this.#claims.delete(claimId)
    for (const dataset of datasets) this.#seen.add(dataset)
  }

  /** The oldest claim for this, if there is one. */
  claimFor(asked: string): Claim | undefined {
    return [...this.#claims.values()].find((claim) => claim.asked === asked)
  }

  /** The datasets that a request is on its way for. Taken down before the engine is asked for its containers. */
  waitedFor(): ReadonlySet<string> {
    this.#forgetOld()
    return new Set([...this.#claims.values()].flatMap(({ datasets }) => [...datasets]))
  }

  /**
   * Makes the leases of this host what its containers need. `waited` is what `waitedFor` said before they were listed: a
   * container that arrived since then is not in the list, and its claim is settled already.
   */
  async compare(
    containers: readonly ContainerUse[],
    waited: ReadonlySet<string>,
    node: ThisNode,
    log: AdapterLog,
    signal: AbortSignal,
  ): Promise<Result<{ readonly held: number }, Trouble>> {
    if (this.#terms.kind === 'none' || node.uuid === undefined) return { ok: true, value: { held: 0 } }
    const { control } = this.#terms
    const [leases, state, nodes] = await Promise.all([
      this.#list(signal),
      control.state(signal),
      control.nodes(signal),
    ])
    if (!leases.ok) return leases
    const present = troubleOf(state)
    if (!present.ok) return present

    const paths = new Map(
      present.value.flatMap(({ id, primary, path }) =>
        node.is(primary) && path !== undefined ? [[id, path]] : [],
      ),
    )
    const mine = leases.value.leases.filter((lease) => node.is(lease.node)).map(({ dataset }) => dataset)
    const used = [...paths].filter(([id, path]) => containers.some((container) => container.uses(id, path)))
    const running = containers.filter((container) => container.running)
    const labelled = running.flatMap(({ label }) => Object.keys(label?.datasets ?? {}))
    const concerned = new Set([...mine, ...used.map(([id]) => id), ...labelled])
    let held = 0
    for (const id of concerned) {
      const users = containers.filter((container) => container.uses(id, paths.get(id)))
      const done = await this.#inLine(id, async () => {
        const lease = leases.value.leases.find(({ dataset }) => dataset === id)
        const needed = leaseNeeded({
          lease:
            lease === undefined
              ? 'none'
              : !node.is(lease.node)
                ? 'elsewhere'
                : lease.expires === null
                  ? 'lasting'
                  : 'expiring',
          started: users.some(({ started }) => started),
          running: users.some(({ running }) => running),
          used: users.length > 0,
          // Both, so that what came and what went in the meantime is left to the next comparison.
          waited: waited.has(id) || this.waitedFor().has(id),
          seen: this.#seen.has(id),
          here: paths.has(id),
          told:
            lease === undefined ||
            control.tellsUsers(
              lease,
              users.map(({ name }) => name),
            ),
        })
        if (needed !== 'released' && (lease !== undefined || needed === 'lasting')) held++
        return this.#make(needed, id, users, lease, node.uuid!, nodes.ok ? nodes.value : [], log, signal)
      })
      if (!done.ok) return done
    }
    return { ok: true, value: { held } }
  }

  async #make(
    needed: LeaseNeeded,
    dataset: string,
    users: readonly ContainerUse[],
    lease: Lease | undefined,
    uuid: string,
    nodes: readonly Node[],
    log: AdapterLog,
    signal: AbortSignal,
  ): Promise<Result<unknown, Trouble>> {
    const { control, confirmWithinMs } = this.#terms
    const usedBy = users.map(({ name }) => name)
    const names = usedBy.join(', ')
    switch (needed) {
      case 'as-it-is':
        return DONE
      case 'lasting': {
        const asked = await control.lease({ dataset, node: uuid, expires: null, usedBy }, signal)
        if (asked.ok) log.info(`dataset ${dataset}: in use by ${names}`)
        return troubleOf(asked)
      }
      case 'expiring':
        return troubleOf(
          await control.lease({ dataset, node: uuid, expires: secondsOf(confirmWithinMs), usedBy }, signal),
        )
      case 'released': {
        const asked = await this.#release(dataset, uuid, signal)
        if (!asked.ok) return asked
        this.#seen.delete(dataset)
        log.info(`dataset ${dataset}: no container uses it here any more; the lease is given back`)
        return DONE
      }
      case 'lost':
        if (this.#lost.has(dataset)) return DONE
        this.#lost.add(dataset)
        log.warn(
          `dataset ${dataset} is used here by ${names}, but ${nameNode(nodes, lease?.node ?? '')} has the lease on it: stop the container here before it writes`,
        )
        return DONE
    }
  }

  /** Only while it is this host's: a short one may have expired, and another host have taken it. */
  async #release(dataset: string, uuid: string, signal: AbortSignal): Promise<Result<undefined, Trouble>> {
    for (;;) {
      const listed = await this.#list(signal)
      if (!listed.ok) return listed
      const { leases, tag } = listed.value
      const lease = leases.find((one) => one.dataset === dataset)
      if (lease === undefined || lease.node !== uuid) return DONE
      const asked = await this.#terms.control.release(dataset, tag, signal)
      if (asked.ok || asked.failure.kind !== 'refused' || asked.failure.status !== 412)
        return troubleOf(asked)
    }
  }

  #inLine<T>(dataset: string, change: () => Promise<T>): Promise<T> {
    const turn = (this.#lines.get(dataset) ?? Promise.resolve()).then(change, change)
    const end = turn.then(
      () => {},
      () => {},
    )
    this.#lines.set(dataset, end)
    void end.then(() => {
      if (this.#lines.get(dataset) === end) this.#lines.delete(dataset)
    })
    return turn
  }

  #forgetOld(): void {
    for (const [id, claim] of this.#claims) if (claim.untilMs < Date.now()) this.#claims.delete(id)
  }
}

/** Whole ones are what every version takes. */
function secondsOf(ms: number): number {
  return Math.ceil(ms / 1000)
}

const DONE = { ok: true, value: undefined } as const

const NO_LEASES =
  'this control service has no leases, so nothing would keep a dataset from being pulled away from a running container; if that is acceptable, set the option "leases" to "none"'

export interface NamedDataset {
  readonly id: string
  readonly name: string
}

export interface LeaseSituation {
  readonly lease: 'none' | 'elsewhere' | 'expiring' | 'lasting'
  /** A container that uses it runs, or has run and may be started again. */
  readonly started: boolean
  readonly running: boolean
  readonly used: boolean
  /** A request for it is on its way. */
  readonly waited: boolean
  /** Its containers have been seen here since this adapter began. */
  readonly seen: boolean
  readonly here: boolean
  /** Other hosts are told who uses it, as far as the service can tell them. */
  readonly told: boolean
}

export type LeaseNeeded = 'as-it-is' | 'lasting' | 'expiring' | 'released' | 'lost'

export function leaseNeeded(situation: LeaseSituation): LeaseNeeded {
  const { lease, started, running, used, waited, seen, here, told } = situation
  if (started) {
    if (lease === 'elsewhere') return running ? 'lost' : 'as-it-is'
    // Data that has gone elsewhere is not claimed back for a container that has stopped.
    if (lease === 'none') return here ? 'lasting' : 'as-it-is'
    return lease === 'expiring' || !told ? 'lasting' : 'as-it-is'
  }
  if (lease === 'none' || lease === 'elsewhere') return 'as-it-is'
  if (used || waited) return lease === 'lasting' ? 'expiring' : 'as-it-is'
  // A lease that somebody took before this adapter began may be for a container that is still on its way.
  return lease === 'lasting' || seen ? 'released' : 'as-it-is'
}

/** What the engine tells about the containers that use datasets. */
import { isJsonObject, type Json, type JsonObject, parseJson } from 'powerstrip/sdk'

/** Says which datasets a container uses, and by which request it was made. */
export const LABEL = 'powerstrip.flocker'

export interface UseLabel {
  readonly claim: string
  /** Path on this host by id. */
  readonly datasets: Readonly<Record<string, string>>
}

export function printLabel(label: UseLabel): string {
  return JSON.stringify(label)
}

/** `undefined`: there is none, or somebody else wrote it. */
export function readLabel(labels: unknown): UseLabel | undefined {
  const text = isJsonObject(labels) ? labels[LABEL] : undefined
  if (typeof text !== 'string') return undefined
  try {
    const { claim, datasets } = parseJson(text) as JsonObject
    if (typeof claim !== 'string' || !isJsonObject(datasets)) return undefined
    const paths = Object.entries(datasets).filter(([, path]) => typeof path === 'string')
    return { claim, datasets: Object.fromEntries(paths) as Record<string, string> }
  } catch {
    return undefined
  }
}

export interface ContainerUse {
  readonly name: string
  readonly label: UseLabel | undefined
  /** It runs, or has run. */
  readonly started: boolean
  readonly running: boolean
  /**
   * By its mounts: what its label names, or where the dataset is now. A label alone may be an image's that was made of
   * such a container, and a container that took over another's volumes may have none.
   */
  uses(dataset: string, path: string | undefined): boolean
}

/** Out of `GET /containers/json`. */
export function readContainers(body: Json): readonly ContainerUse[] {
  return Array.isArray(body)
    ? body.flatMap((entry) => (isJsonObject(entry) ? [readContainer(entry)] : []))
    : []
}

function readContainer({ Id, Names, State, Labels, Mounts }: JsonObject): ContainerUse {
  const label = readLabel(Labels)
  const sources = sourcesIn(Mounts)
  const mounts = (path: string | undefined) =>
    path !== undefined && sources.some((source) => source === path || source.startsWith(`${path}/`))
  const name = Array.isArray(Names) && typeof Names[0] === 'string' ? Names[0].replace(/^\//, '') : String(Id)
  return {
    name,
    label,
    started: State !== 'created',
    running: State === 'running' || State === 'paused' || State === 'restarting',
    uses: (dataset, path) => mounts(path) || mounts(label?.datasets[dataset]),
  }
}

/** The places on this host that a container mounts. */
export function sourcesIn(mounts: Json | undefined): readonly string[] {
  if (!Array.isArray(mounts)) return []
  return mounts.flatMap((mount) =>
    isJsonObject(mount) && typeof mount.Source === 'string' ? [mount.Source] : [],
  )
}

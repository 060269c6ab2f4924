import type { Result } from '../../model/result.ts'
import type { AgentTrouble } from './trouble.ts'

/**
 * Where a node keeps copies of datasets. Docker's own volumes (`docker-volumes.ts`) are one; a file system with snapshots
 * could be another. The agent decides what is done and when; a backend does it so that it lasts, and so that each step can
 * be repeated after a crash in the middle of it.
 */
export interface VolumeBackend {
  /** Everything of ours on this node. */
  list(): Promise<Result<LocalVolumes, AgentTrouble>>
  /** Makes an empty dataset. */
  create(id: CopyId): Promise<Result<undefined, AgentTrouble>>
  /** Who uses the copy now, in words; empty when nobody does. */
  users(copy: LocalCopy): Promise<Result<readonly string[], AgentTrouble>>
  /** Takes the copy away from where containers look for it. Fails, and changes nothing, when it is in use. */
  freeze(copy: LocalCopy): Promise<Result<LocalCopy, AgentTrouble>>
  /** Puts a frozen copy back. */
  thaw(copy: LocalCopy): Promise<Result<undefined, AgentTrouble>>
  /** Deletes a copy. Fails, and changes nothing, when it is in use. */
  remove(copy: LocalCopy): Promise<Result<undefined, AgentTrouble>>
  /** A directory to receive a copy in, with what an earlier attempt has left in it. Nothing takes it for the dataset. */
  stage(dataset: string): Promise<Result<Stage, AgentTrouble>>
  /** Makes what was staged durable, and names it. */
  seal(id: CopyId): Promise<Result<undefined, AgentTrouble>>
  /** Puts a sealed stage where containers look for the dataset. */
  settle(id: CopyId): Promise<Result<undefined, AgentTrouble>>
  discardStage(dataset: string): Promise<Result<undefined, AgentTrouble>>
}

export interface CopyId {
  readonly dataset: string
  readonly generation: number
  readonly copy: string
}

/** A complete copy. */
export interface LocalCopy extends CopyId {
  readonly path: string
  readonly frozen: boolean
}

export interface Stage {
  readonly dataset: string
  readonly path: string
  /** What it was sealed as, if it was. */
  readonly sealed: CopyId | null
}

export interface LocalVolumes {
  readonly copies: readonly LocalCopy[]
  readonly stages: readonly Stage[]
  /** Copies that were to be removed when that was cut short. */
  readonly remains: readonly LocalCopy[]
}

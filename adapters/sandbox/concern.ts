/**
 * What rules find in a request. Rules are pure: what they cannot know from the body alone, they name as a use of
 * something in the engine, and `verify.ts` looks it up.
 */
import { type Json, type JsonObject, printJson } from 'powerstrip/sdk'
import type { RuleId } from './rules.ts'

export type Concern = Forbidden | Use

/** The policy does not allow this. */
export interface Forbidden {
  readonly kind: 'forbidden'
  readonly rule: RuleId
  /** For the person at the client: `a bind mount of "/etc"`. */
  readonly asked: string
  /** What would allow it, in words: `setting "mounts"`. */
  readonly remedy: string
}

/** Something that exists outside the request and has to be looked at. */
export type Use = Named & {
  /** What the request is about: where it is not there, the engine has nothing to do. */
  readonly isTarget?: true
}

type Named =
  | {
      readonly kind: 'container'
      readonly rule: RuleId
      readonly ref: string
      /** `touch`: it must be the client's own. `enter`: it must be within the policy too, for its power becomes the client's. */
      readonly as: 'touch' | 'enter'
      /** Writes the id in place of the name, so that the engine is asked for what was judged. */
      readonly put?: (id: string) => void
    }
  | {
      readonly kind: 'volume'
      readonly rule: RuleId
      readonly name: string
      /** `use`: the engine makes it if it is not there. */
      readonly as: 'touch' | 'use' | 'mounted' | 'create'
      /** What it is made of, if it has to be made: as the engine would make it. */
      readonly make?: VolumeMake
    }
  | {
      readonly kind: 'network'
      readonly rule: RuleId
      readonly ref: string
      readonly as: 'touch' | 'join' | 'look' | 'create'
    }
  | {
      readonly kind: 'image'
      readonly rule: RuleId
      readonly ref: string
      /** `overwrite`: the name is about to be given to another image; `pull`: to the one that its registry has. */
      readonly as: 'run' | 'look' | 'touch' | 'overwrite' | 'pull'
    }
  | { readonly kind: 'exec'; readonly rule: RuleId; readonly ref: string }
  | {
      readonly kind: 'swarm'
      readonly rule: RuleId
      readonly what: 'services' | 'secrets' | 'configs' | 'tasks'
      readonly ref: string
      readonly as: 'touch' | 'roll-back'
    }
  /** A path of the host, allowed as it is written; where it leads is another question. */
  | {
      readonly kind: 'host-path'
      readonly path: string
      readonly folder: string
      /** It may be read and not written to, which a mount does not say of what is mounted below it. */
      readonly below?: RuleId
    }

/** Left out: the driver that the HostConfig around it names. */
export interface VolumeMake {
  readonly driver?: string
  readonly options?: JsonObject
  readonly labels?: JsonObject
}

export function forbidden(rule: RuleId, asked: string, remedy: string): Forbidden {
  return { kind: 'forbidden', rule, asked, remedy }
}

/** The words for a setting that would allow something. */
export function setting(name: string, value?: string): string {
  return value === undefined ? `setting "${name}"` : `setting "${name}" with ${value}`
}

/** Text from a client, short enough to be read and unable to look like anything else. */
export function quoted(value: unknown): string {
  const text = value === undefined ? 'nothing' : printJson(value as Json)
  return text.length > 120 ? `${text.slice(0, 119)}…` : text
}

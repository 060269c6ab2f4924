import type { HookFailure } from '../model/hook.ts'

/** `problem` goes on after `adapter "x" failed: `, and is for the client as much as for the adapter's author. */
export function badReply(problem: string): { readonly ok: false; readonly failure: HookFailure } {
  return { ok: false, failure: { kind: 'bad-reply', problem } }
}

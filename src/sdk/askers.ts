/**
 * Whose calls the adapters of this process answer. Their questions to the engine say so: a powerstrip that is asked by mistake, in
 * the engine's place, would otherwise ask its adapters about them, who would ask again, for ever (PS-HEADER-001).
 */
const askers = new Set<string>()

/** As many as any adapter serves; what is beyond goes unsaid. */
const MOST_ASKERS = 64

/** `instance`: as in the `Via` of calls, behind `powerstrip-`. */
export function answersTo(instance: string): void {
  if (askers.size < MOST_ASKERS) askers.add(instance)
}

/** The instance that a call names, if it does. */
export function instanceIn(via: string | undefined): string | undefined {
  return /\bpowerstrip-([A-Za-z0-9.-]{1,100})/.exec(via ?? '')?.[1]
}

/** Fields of a question to the engine. */
export function askerFields(): Readonly<Record<string, string>> {
  return askers.size === 0 ? {} : { 'powerstrip-asker': [...askers].join(' ') }
}

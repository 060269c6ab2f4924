/** `powerstrip adapter … --receive FILE`: an adapter is shown what was recorded, and ends. */
import { failed, ok, type Result } from '../model/result.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'
import type { AdapterLog } from '../sdk/log.ts'
import { serve } from '../sdk/serve.ts'
import { readRecorded, replay } from '../testkit/replay.ts'
import { targetAt } from '../testkit/suite.ts'
import { playedText, sumOf } from './played-text.ts'

/** Whether it failed in none; the failure is why it could not be shown anything. */
export async function receive(
  definition: AdapterDefinition,
  file: string,
  {
    configured,
    log,
    out,
  }: { readonly configured: unknown; readonly log: AdapterLog; readonly out: (text: string) => void },
): Promise<Result<boolean, string>> {
  const recorded = await readRecorded(file)
  if (!recorded.ok) return recorded
  const served = await serve(definition, { listen: 'http://127.0.0.1:0', with: configured, log })
  try {
    const tell = (played: Parameters<typeof playedText>[0]) => out(playedText(played))
    const played = await replay(targetAt(served.address), recorded.value, { with: configured ?? {}, tell })
    if (!played.ok) return failed(played.failure)
    out(`\n${sumOf(played.value)}\n`)
    return ok(!played.value.some(({ did }) => did.kind === 'failed'))
  } finally {
    await served.close()
  }
}

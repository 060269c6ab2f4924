/** Asking the engine who it is. */
import { failed, ok, type Result } from '../model/result.ts'
import type { Dial, Unreachable } from './dial.ts'
import { askEngine, type NoAnswer } from './question.ts'

export interface EngineIdentity {
  readonly version: string
  readonly apiVersion: string
}

const QUESTION = {
  method: 'GET',
  bytes: Buffer.from('GET /version HTTP/1.1\r\nHost: powerstrip\r\nConnection: close\r\n\r\n'),
  /** An engine's has 1 to 2 KiB. */
  limitBytes: 1024 * 1024,
}

/** Waits no longer once `stop` is aborted. */
export async function probeEngine(
  dial: Dial,
  stop: AbortSignal,
): Promise<Result<EngineIdentity, Unreachable>> {
  const asked = await askEngine(dial, QUESTION, stop)
  if (!asked.ok) return failed({ message: whyNot(asked.failure) })
  const { terms, data } = asked.value
  if (terms.status !== 200) return failed({ message: `it answers GET /version with ${terms.status}` })
  return readIdentity(data)
}

function whyNot({ kind, message }: NoAnswer): string {
  switch (kind) {
    case 'late':
    case 'closed':
      return `${message} (GET /version)`
    case 'called-off':
      return 'powerstrip was told to stop before it had answered'
    default:
      return message
  }
}

function readIdentity(body: Buffer): Result<EngineIdentity, Unreachable> {
  try {
    const { Version, ApiVersion } = JSON.parse(body.toString('utf8')) as {
      Version?: unknown
      ApiVersion?: unknown
    }
    return ok({ version: String(Version ?? 'unknown'), apiVersion: String(ApiVersion ?? 'unknown') })
  } catch {
    return failed({
      message: 'it answers GET /version with something that is not JSON; is it a Docker Engine?',
    })
  }
}

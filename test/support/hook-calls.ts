/** Hook calls of protocol 1 as a proxy makes them, for tests of adapters. */
import { type Adapter, type AdapterDefinition, serve } from 'powerstrip/sdk'

export interface ServedAdapter extends AsyncDisposable {
  readonly url: string
  /** What the adapter logged. */
  readonly log: readonly string[]
  /** `body` is a value that is sent as JSON text, or text as it is. */
  pre(target: string, body?: unknown, method?: string): Promise<HookReply>
  post(
    target: string,
    body: unknown,
    answer: { readonly code: number; readonly body: unknown },
    method?: string,
  ): Promise<HookReply>
}

export interface HookReply {
  readonly status: number
  /** The reply's `Modified…` part, its body read as JSON again. */
  readonly modified: Readonly<Record<string, unknown>> | undefined
  /** Why it refused or failed. */
  readonly message: string | undefined
}

/** The adapter behind a real socket. */
export async function serveForTest(
  definition: AdapterDefinition,
  configured?: unknown,
): Promise<ServedAdapter> {
  const log: string[] = []
  const note = (message: unknown) => {
    log.push(String(message))
  }
  const served = await serve(definition, {
    listen: 'http://127.0.0.1:0',
    with: configured,
    log: { info: note, warn: note, error: note },
  })
  return {
    url: served.address,
    log,
    pre: (target, body, method = 'POST') =>
      call(served.address, 'pre-hook', { Method: method, Request: target, Body: asText(body) }),
    post: (target, body, answer, method = 'POST') =>
      call(
        served.address,
        'post-hook',
        { Method: method, Request: target, Body: asText(body) },
        { ContentType: 'application/json', Body: asText(answer.body) ?? '', Code: answer.code },
      ),
    [Symbol.asyncDispose]: () => served.close(),
  }
}

/** A pre-hook call without a socket. */
export function askPre(adapter: Adapter, target: string, body?: unknown, method = 'POST') {
  return adapter.pre({ method, target, body: asText(body) }, new AbortController().signal)
}

async function call(url: string, type: string, request: unknown, response?: unknown): Promise<HookReply> {
  const reply = await fetch(`${url}/any/path`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({
      PowerstripProtocolVersion: 1,
      Type: type,
      ClientRequest: request,
      ...(response === undefined ? {} : { ServerResponse: response }),
    }),
  })
  const told = (await reply.json()) as {
    readonly message?: string
    readonly ModifiedClientRequest?: Record<string, unknown>
    readonly ModifiedServerResponse?: Record<string, unknown>
  }
  const modified = told.ModifiedClientRequest ?? told.ModifiedServerResponse
  return {
    status: reply.status,
    modified: modified && { ...modified, Body: asValue(modified.Body) },
    message: told.message,
  }
}

function asText(body: unknown): string | null {
  if (body === undefined) return null
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function asValue(text: unknown): unknown {
  if (typeof text !== 'string') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

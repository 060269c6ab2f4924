import { type OutgoingHttpHeaders, request } from 'node:http'

export interface ApiAnswer {
  readonly status: number
  readonly body: string
}

/** One call to an engine's own API, for what the test kit itself needs. Nothing under test comes by here. */
export function callApi(
  socket: string,
  method: string,
  path: string,
  body?: Buffer,
  type?: string,
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const headers: OutgoingHttpHeaders = type === undefined ? {} : { 'content-type': type }
    // An engine that refuses closes without having read the body, and Node, which then cannot write it, does not look for the
    // answer any more. So the body waits until the engine wants to read it.
    if (body !== undefined) Object.assign(headers, { expect: '100-continue', 'content-length': body.length })
    const call = request({ socketPath: socket, method, path, headers, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.once('error', reject)
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() })
        call.destroy()
      })
    })
    call.on('error', reject)
    if (body === undefined) call.end()
    else call.once('continue', () => call.end(body))
  })
}

/** As `callApi`, where any status from 400 on is a fault of the suite's surroundings. */
export async function mustCallApi(
  socket: string,
  method: string,
  path: string,
  body?: Buffer,
): Promise<string> {
  const answer = await callApi(socket, method, path, body)
  if (answer.status < 400) return answer.body
  throw new Error(`the engine answered ${method} ${path} with ${answer.status}: ${answer.body.trim()}`)
}

export interface EngineVersion {
  readonly version: string
  readonly apiVersion: string
}

export async function versionOf(socket: string): Promise<EngineVersion> {
  const told = JSON.parse(await mustCallApi(socket, 'GET', '/version')) as Record<string, unknown>
  return { version: String(told.Version), apiVersion: String(told.ApiVersion) }
}

export async function answersPing(socket: string): Promise<boolean> {
  try {
    return (await callApi(socket, 'GET', '/_ping')).status === 200
  } catch {
    return false
  }
}

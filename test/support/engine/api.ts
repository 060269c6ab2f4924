import { request } from 'node:http'

export interface ApiAnswer {
  readonly status: number
  readonly body: string
}

/** One call to an engine's own API, for what the test kit itself needs. Nothing under test comes by here. */
export async function callApi(
  socket: string,
  method: string,
  path: string,
  body?: Buffer,
  type?: string,
): Promise<ApiAnswer> {
  for (let tries = 1; ; tries++)
    try {
      return await callOnce(socket, method, path, body, type)
    } catch (problem) {
      // An engine that refuses a large body closes before it has read it, and Node does not look for the answer then. Seen once, of an
      // engine that had just started; what kept it is not known. To import the same image once more does no harm.
      const { code } = problem as NodeJS.ErrnoException
      if (code !== 'EPIPE' || body === undefined || tries === TRIES) throw problem
    }
}

const TRIES = 3

function callOnce(
  socket: string,
  method: string,
  path: string,
  body: Buffer | undefined,
  type: string | undefined,
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const headers = type === undefined ? {} : { 'content-type': type }
    const call = request({ socketPath: socket, method, path, headers, agent: false }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.once('error', reject)
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString() }),
      )
    })
    call.once('error', reject)
    call.end(body)
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

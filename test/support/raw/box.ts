/** Containers for tests, made and removed at the engine itself: nothing under test comes by here. */
import type { Engine } from '../engine/index.ts'
import { runLabel } from '../engine/index.ts'
import type { Answer } from './message.ts'
import { RawPeer } from './peer.ts'

export interface Box extends AsyncDisposable {
  readonly id: string
  readonly name: string
}

export interface BoxOptions {
  /** More fields of the create request. */
  readonly fields?: Readonly<Record<string, unknown>>
}

let made = 0

/** A container that is created and not started. Removed, with force, when the test is over. */
export async function createBox(
  engine: Engine,
  command: readonly string[],
  options: BoxOptions = {},
): Promise<Box> {
  const [key, run] = runLabel().split('=') as [string, string]
  made += 1
  const name = `fidelity-${process.pid}-${made}-${Date.now().toString(36)}`
  const body = {
    Image: 'busybox:latest',
    Cmd: command,
    Labels: { [key]: run, box: name },
    HostConfig: { NetworkMode: 'none' },
    ...options.fields,
  }
  const { Id } = JSON.parse(await mustAsk(engine, 'POST', `/containers/create?name=${name}`, body)) as {
    Id: string
  }
  return {
    id: Id,
    name,
    [Symbol.asyncDispose]: async () => {
      // 404: the test has removed it itself, or it was made to go at its own end.
      await ask(engine, 'DELETE', `/containers/${Id}?force=1&v=1`)
    },
  }
}

/** A container that runs. */
export async function runBox(
  engine: Engine,
  command: readonly string[],
  options: BoxOptions = {},
): Promise<Box> {
  const box = await createBox(engine, command, options)
  await mustAsk(engine, 'POST', `/containers/${box.id}/start`)
  return box
}

/** A container that runs `cat` until its one input ends. */
export function catBox(engine: Engine): Promise<Box> {
  return runBox(engine, ['cat'], { fields: { OpenStdin: true, StdinOnce: true } })
}

/** Resolves when the engine has sent a container the signal to end. */
export async function signalled(engine: Engine, box: Box): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id], event: ['kill'] }))
  await using events = await RawPeer.connect({ kind: 'unix', path: engine.socket })
  events.write(request('GET', `/events?since=1&filters=${filters}`))
  await events.until('"kill"')
}

/** An exec that is created and not started. */
export async function createExec(
  engine: Engine,
  box: Box,
  command: readonly string[],
  fields: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const body = { Cmd: command, AttachStdout: true, AttachStderr: true, ...fields }
  const { Id } = JSON.parse(await mustAsk(engine, 'POST', `/containers/${box.id}/exec`, body)) as {
    Id: string
  }
  return Id
}

/** One question, asked of the engine itself. */
export async function ask(engine: Engine, method: string, target: string, body?: unknown): Promise<Answer> {
  await using peer = await RawPeer.connect({ kind: 'unix', path: engine.socket })
  peer.write(request(method, target, body))
  return await peer.answer(method)
}

/** As `ask`, where any status from 400 on is a fault of the test's surroundings. */
export async function mustAsk(
  engine: Engine,
  method: string,
  target: string,
  body?: unknown,
): Promise<string> {
  const answer = await ask(engine, method, target, body)
  if (answer.status < 400) return answer.body.toString()
  throw new Error(`the engine answered ${method} ${target} with ${answer.status}: ${answer.body}`)
}

/**
 * An ordinary request, one character a byte. A body is sent as JSON with its length; without one there is no framing field.
 */
export function request(
  method: string,
  target: string,
  body?: unknown,
  fields: readonly string[] = [],
): string {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  return [
    `${method} ${target} HTTP/1.1`,
    'Host: docker',
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${text.length}`]),
    ...fields,
    '',
    text,
  ].join('\r\n')
}

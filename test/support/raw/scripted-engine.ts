/** An engine that does nothing by itself: a test sees each byte that reaches it and writes each byte it says. */
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Powerstrip, startPowerstrip } from '../powerstrip.ts'
import { PATIENCE_MS, RawPeer } from './peer.ts'
import { type Ways, waysTo } from './ways.ts'

export interface ScriptedEngine extends AsyncDisposable {
  readonly powerstrip: Powerstrip
  readonly ways: Ways
  /** The next connection that is opened to the engine, from the engine's side. */
  accept(): Promise<RawPeer>
}

/** A scripted engine with a powerstrip in front of it. */
export async function startScriptedEngine(): Promise<ScriptedEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'ps-scripted-'))
  const path = join(dir, 'engine.sock')
  const waiting: RawPeer[] = []
  const arrivals = new EventEmitter()
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    waiting.push(new RawPeer(socket))
    arrivals.emit('arrival')
  })
  server.listen(path)
  await once(server, 'listening')
  const accept = async () => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const peer = waiting.shift()
      if (peer !== undefined) return peer
      await once(arrivals, 'arrival', { signal })
    }
  }

  const [powerstrip] = await Promise.all([
    startPowerstrip({ upstream: `unix://${path}` }),
    accept().then(answerFirstQuestion),
  ])
  return {
    powerstrip,
    ways: waysTo(path, powerstrip),
    accept,
    [Symbol.asyncDispose]: async () => {
      await powerstrip.stop()
      server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** At its start powerstrip asks the engine who it is, on a connection of its own. */
async function answerFirstQuestion(peer: RawPeer): Promise<void> {
  await peer.head()
  const body = JSON.stringify({ Version: '0.0.0-scripted', ApiVersion: '1.41' })
  peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  await peer.rest()
  peer.destroy()
}

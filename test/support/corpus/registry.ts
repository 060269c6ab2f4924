import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Engine } from '../engine/index.ts'

export interface Registry extends AsyncDisposable {
  /** As the engine calls it, in names of images: an address of its own, so that it needs no certificate. */
  readonly name: string
  /** Of the one image that it has under every name. */
  readonly digest: string
  /** Repositories that were pushed so far. */
  pushed(): Promise<readonly string[]>
}

/** Starts a registry within the network of an engine. */
export async function startRegistry(engine: Engine): Promise<Registry> {
  const child = spawn(
    'nsenter',
    ['--target', `${engine.pid}`, '--net', '--', 'python3', '-B', 'test/support/corpus/registry.py'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  const [port] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => Promise.reject(new Error('the registry ended before it listened'))),
  ])) as [string]
  const image = await fetch(`http://${engine.address}:${port}/v2/x/manifests/latest`)
  return {
    digest: image.headers.get('docker-content-digest') ?? '',
    name: `127.0.0.1:${port}`,
    async pushed() {
      const answer = await fetch(`http://${engine.address}:${port}/pushed`)
      return (await answer.json()) as string[]
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

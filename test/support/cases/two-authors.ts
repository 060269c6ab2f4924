/** Two adapters that know nothing of each other: one made with the SDK, one with Python's standard library alone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { defineAdapter, serve } from 'powerstrip/sdk'

export interface TwoAuthors extends AsyncDisposable {
  /** URLs by the name of the author's language. */
  readonly urls: { readonly node: string; readonly python: string }
}

/** Gives every created container a variable. */
const VARIABLE = defineAdapter({
  name: 'variable',
  pre: {
    ContainerCreate({ body }) {
      body.Env = [...(body.Env ?? []), 'BY=node']
    },
  },
})

export async function startTwoAuthors(): Promise<TwoAuthors> {
  const node = await serve(VARIABLE, { listen: 'http://127.0.0.1:0' })
  const child = spawn('python3', ['-B', 'test/support/cases/labelling.py'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return {
    urls: { node: node.address, python: `http://127.0.0.1:${port}/` },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await Promise.all([exited, node.close()])
    },
  }
}

import { once } from 'node:events'
import { defineAdapter, serve } from 'powerstrip/sdk'
import { beginBackground } from '../../../src/sdk/background.ts'

const silent = { info() {}, warn() {}, error() {} }

/** An adapter that notes what its background did. */
function noting(notes: string[]) {
  return defineAdapter<string[]>({
    name: 'noting',
    config: () => notes,
    pre: {
      ContainerCreate: ({ config }) => {
        config.push('called')
      },
    },
    async background({ config, signal }) {
      config.push('begun')
      await once(signal, 'abort')
      config.push('ended')
    },
  })
}

test('runs while an adapter is served, and shares its config with the handlers', async () => {
  const notes: string[] = []
  const served = await serve(noting(notes), { listen: 'http://127.0.0.1:0', log: silent })
  expect(notes).toEqual(['begun'])
  await fetch(served.address, {
    method: 'POST',
    body: '{"PowerstripProtocolVersion":1,"Type":"pre-hook","ClientRequest":{"Method":"POST","Request":"/containers/create","Body":"{}"}}',
  })
  await served.close()
  expect(notes).toEqual(['begun', 'called', 'ended'])
})

test('does not run in an adapter that is only made', () => {
  const notes: string[] = []
  noting(notes).create()
  expect(notes).toEqual([])
})

test('that throws is logged and spoils nothing', async () => {
  const problems: unknown[] = []
  const adapter = defineAdapter({
    name: 'unlucky',
    async background() {
      throw new Error('out of luck')
    },
  }).create({}, { log: { ...silent, error: (problem) => problems.push(problem) } })
  await beginBackground([adapter]).end()
  expect(problems).toEqual([])
  const background = beginBackground([adapter])
  await new Promise(setImmediate)
  expect(problems).toEqual([expect.objectContaining({ message: 'out of luck' })])
  await background.end()
})

test('of adapters that have none ends at once', async () => {
  await beginBackground([defineAdapter({ name: 'plain' }).create()]).end()
})

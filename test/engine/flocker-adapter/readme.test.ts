import { readFileSync } from 'node:fs'
import { type Engine, importBusybox, startEngine } from '../../support/engine/index.ts'
import { fencesIn } from '../examples/fences.ts'
import { walkThrough } from '../examples/walkthrough.ts'

/** Readers' containers have a network; the shared engines' have none. */
let engine: Engine
beforeAll(async () => {
  engine = await startEngine({ kind: 'new', network: true })
  await importBusybox(engine)
})
afterAll(() => engine?.dispose())

test('the adapter does what its README says', async () => {
  const fences = fencesIn(readFileSync('adapters/flocker/README.md', 'utf8'))
  const text = (language: string) => fences.find((fence) => fence.language === language)!.text
  await using walk = await walkThrough(
    {
      files: { 'adapters.yml': text('yaml') },
      // The page's other port is the control service's, and made a free one.
      start: text('sh')
        .replace('127.0.0.1:4524', '127.0.0.1:0')
        .replace('flocker-agent', `flocker-agent --docker ${engine.host}`),
      console: text('console'),
    },
    engine,
  )
  await walk.type()
})

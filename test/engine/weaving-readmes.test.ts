/** What the READMEs of the adapters flocker and weave tell their readers to type, typed. */
import { readFileSync } from 'node:fs'
import { type Engine, importLingeringBusybox, startEngine } from '../support/engine/index.ts'
import { fencesIn } from './examples/fences.ts'
import { walkThrough } from './examples/walkthrough.ts'

/** An engine starts in it, on machines that may be doing other things. */
jest.setTimeout(240_000)

/** Readers' containers have a network; the shared engines' have none. */
let engine: Engine
beforeAll(async () => {
  engine = await startEngine({ kind: 'new', network: true })
  await importLingeringBusybox(engine)
})
afterAll(() => engine?.dispose())

const SERVE = 'powerstrip serve --config adapters.yml --listen unix:///run/powerstrip.sock &'

function textsOf(adapter: 'flocker' | 'weave'): (language: string) => string {
  const fences = fencesIn(readFileSync(`adapters/${adapter}/README.md`, 'utf8'))
  return (language) => fences.find((fence) => fence.language === language)!.text
}

test('flocker does what its README says', async () => {
  const text = textsOf('flocker')
  const start = text('sh')
  expect(start).toContain(SERVE)
  await using walk = await walkThrough(
    {
      files: { 'adapters.yml': text('yaml') },
      // The page's other port is the control service's, and made a free one.
      start: start
        .replace('127.0.0.1:4524', '127.0.0.1:0')
        .replace('flocker-agent', `flocker-agent --docker ${engine.host}`),
      console: text('console'),
    },
    engine,
  )
  await walk.type()
})

test('weave does what its README says', async () => {
  const text = textsOf('weave')
  await using walk = await walkThrough(
    { files: { 'adapters.yml': text('yaml') }, start: SERVE, console: text('console') },
    engine,
  )
  await walk.type()
})

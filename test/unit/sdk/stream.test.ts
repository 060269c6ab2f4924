/** Stream-handlers of the SDK: what a generator gives, call by call. */
import { type AdapterSpec, defineAdapter, type JsonObject } from 'powerstrip/sdk'
import type { HookReply, StreamCall } from '../../../src/model/call.ts'
import { Stop } from '../../../src/model/stop.ts'
import { STREAM } from '../../wire/v2/samples.ts'

type Handler = NonNullable<NonNullable<AdapterSpec<unknown>['stream']>['SystemEvents']>

const QUIET = { info() {}, warn() {}, error() {} }

/** An adapter with this handler, and one stream through it. */
function streaming(SystemEvents: Handler, more: Partial<AdapterSpec<unknown>> = {}) {
  const adapter = defineAdapter({ name: 'streaming', stream: { SystemEvents }, ...more }).create(
    {},
    { log: QUIET },
  )
  let seq = 0
  const ask = async (
    part: StreamCall['part'],
    events: readonly string[] = [],
    { requestId = 'one', stop = new Stop() } = {},
  ): Promise<HookReply> => {
    const call = { ...STREAM, operation: 'SystemEvents', requestId, part, seq: seq++, events }
    return adapter.answer(call, stop)
  }
  return { adapter, ask }
}

const edit = (edits: readonly unknown[], inserts: readonly unknown[] = [], end = false) => ({
  outcome: { kind: 'edit', edits, inserts, end },
})
const PASS = { outcome: { kind: 'pass' } }

test('an event that is given back passes as it was; one that is not is gone; a changed one is replaced', async () => {
  const { adapter, ask } = streaming(async function* (events) {
    for await (const event of events) {
      if (event.drop === true) continue
      if (event.mark === true) event.marked = 12345678901234567890n
      yield event
    }
  })
  expect(adapter.abilities).toMatchObject({ implements: ['stream-hook'], operations: ['SystemEvents'] })
  expect(await ask('open')).toEqual(PASS)
  expect(await ask('data', ['{ "n": 1.10 }', '{"n":12345678901234567890}'])).toEqual(PASS)
  expect(await ask('data', ['{"n":3}', '{"drop":true}', '{"mark":true,"n":98765432109876543210}'])).toEqual(
    edit([
      { index: 1, action: 'drop' },
      {
        index: 2,
        action: 'replace',
        event: '{"mark":true,"n":98765432109876543210,"marked":12345678901234567890}',
      },
    ]),
  )
  expect(await ask('close')).toEqual(PASS)
})

test('what it gives besides goes where it was given: at the beginning, around an event, at the end', async () => {
  const { ask } = streaming(async function* (events) {
    yield { at: 'beginning' }
    for await (const event of events) {
      yield { before: event.n }
      yield event
      yield { behind: event.n }
    }
    yield { at: 'end' }
  })
  expect(await ask('open')).toEqual(edit([], [{ before: 0, event: '{"at":"beginning"}' }]))
  expect(await ask('data', ['{"n":1}', '{"n":2}'])).toEqual(
    edit(
      [],
      [
        { before: 0, event: '{"before":1}' },
        { before: 1, event: '{"behind":1}' },
        { before: 1, event: '{"before":2}' },
        { before: 2, event: '{"behind":2}' },
      ],
    ),
  )
  expect(await ask('close')).toEqual(edit([], [{ before: 0, event: '{"at":"end"}' }]))
})

test('another event instead of one replaces it, and several stand in its place', async () => {
  const { ask } = streaming(async function* (events) {
    for await (const { n, ...rest } of events) {
      if (n === 2) yield { extra: 1 }
      yield { ...rest, n: `${n}` }
    }
  })
  expect(await ask('data', ['{"n":1}', '{"n":2}'])).toEqual(
    edit(
      [
        { index: 0, action: 'replace', event: '{"n":"1"}' },
        { index: 1, action: 'replace', event: '{"n":"2"}' },
      ],
      [{ before: 1, event: '{"extra":1}' }],
    ),
  )
})

test('what it keeps back and gives later stands where it gives it, over calls too', async () => {
  const { ask } = streaming(async function* (events) {
    let kept: JsonObject | undefined
    for await (const event of events) {
      if (kept !== undefined) yield kept
      kept = event
    }
    if (kept !== undefined) yield kept
  })
  expect(await ask('data', ['{"n":1}'])).toEqual(edit([{ index: 0, action: 'drop' }]))
  expect(await ask('data', ['{"n":2}'])).toEqual(edit([{ index: 0, action: 'replace', event: '{"n":1}' }]))
  expect(await ask('close')).toEqual(edit([], [{ before: 0, event: '{"n":2}' }]))
})

test('its end ends the stream, and what it had not asked for is gone', async () => {
  const { ask } = streaming(async function* (events) {
    for await (const event of events) {
      yield event
      if (event.n === 2) return
    }
  })
  await ask('open')
  expect(await ask('data', ['{"n":1}', '{"n":2}', '{"n":3}'])).toEqual(
    edit([{ index: 2, action: 'drop' }], [], true),
  )
  // The proxy tells the end of it all the same.
  expect(await ask('close')).toEqual(PASS)
})

test('streams do not know of each other, and each has a run of its own', async () => {
  const { ask } = streaming(async function* (events, ctx) {
    let count = 0
    for await (const event of events) {
      event.count = ++count
      event.of = ctx.requestId
      yield event
    }
  })
  const counted = (count: number, of: string) =>
    edit([{ index: 0, action: 'replace', event: `{"count":${count},"of":"${of}"}` }])
  expect(await ask('data', ['{}'])).toEqual(counted(1, 'one'))
  expect(await ask('data', ['{}'], { requestId: 'two' })).toEqual(counted(1, 'two'))
  expect(await ask('data', ['{}'])).toEqual(counted(2, 'one'))
  await ask('close')
  expect(await ask('data', ['{}'])).toEqual(counted(1, 'one'))
})

test('what it throws fails the call and is told to onError; the next call begins anew', async () => {
  const told: unknown[] = []
  const { ask } = streaming(
    async function* (events) {
      for await (const event of events) {
        if (event.n === 1) throw new Error('no')
        yield event
      }
    },
    { onError: (problem, ctx) => told.push([problem, ctx.operation]) },
  )
  await ask('open')
  await expect(ask('data', ['{"n":1}'])).rejects.toThrow('no')
  expect(told).toEqual([[new Error('no'), 'SystemEvents']])
  expect(await ask('data', ['{"n":2}'])).toEqual(PASS)
})

test('what is no event is a failure', async () => {
  const { ask } = streaming(async function* () {
    yield 'text' as unknown as JsonObject
  })
  await expect(ask('open')).rejects.toThrow('yields events, which are objects')
})

test('a client that leaves aborts its signal and runs what it cleans up with', async () => {
  const steps: string[] = []
  let reached = () => {}
  const hasReached = new Promise<void>((resolve) => {
    reached = resolve
  })
  let cleaned = () => {}
  const hasCleaned = new Promise<void>((resolve) => {
    cleaned = resolve
  })
  const { ask } = streaming(async function* (events, { signal }) {
    try {
      for await (const event of events) {
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
        reached()
        await aborted
        steps.push('aborted')
        yield event
      }
    } finally {
      steps.push('cleaned')
      cleaned()
    }
  })
  const stop = new Stop()
  const call = ask('data', ['{}'], { stop })
  await hasReached
  stop.abort()
  await call
  await hasCleaned
  expect(steps).toEqual(['aborted', 'cleaned'])
  expect(await ask('close')).toEqual(PASS)
})

test('a handler for answers that are no streams would never run', () => {
  const stream = { ContainerCreate: async function* () {} } as AdapterSpec<unknown>['stream']
  expect(() => defineAdapter({ name: 'x', ...(stream && { stream }) })).toThrow(
    'the answers of "ContainerCreate" are no streams',
  )
})

test('logs are typed as what they are', async () => {
  const adapter = defineAdapter({
    name: 'typed',
    stream: {
      async *ContainerLogs(lines, { response }) {
        for await (const line of lines) {
          line.Body = `${response.code} ${line.Stream}: ${line.Body.toUpperCase()}`
          yield line
        }
      },
    },
  }).create()
  const call = {
    ...STREAM,
    operation: 'ContainerLogs',
    events: ['{"Stream":"stderr","Body":"é","BodyEncoding":"utf8"}'],
  }
  expect(await adapter.answer(call, new Stop())).toEqual(
    edit([
      {
        index: 0,
        action: 'replace',
        event: '{"Stream":"stderr","Body":"200 stderr: É","BodyEncoding":"utf8"}',
      },
    ]),
  )
})

import type { HookFailure } from '../../../src/model/hook.ts'
import { ok, type Result } from '../../../src/model/result.ts'
import type { StopSignal } from '../../../src/model/stop.ts'
import { withinDeadline } from '../../../src/transport/deadline.ts'

const LONG_MS = 60_000

describe('a call with a deadline', () => {
  test('gives what it gives in time, and is not told to stop', async () => {
    let stop: StopSignal | undefined
    const client = new AbortController()
    const result = await withinDeadline(LONG_MS, client.signal, async (signal) => {
      stop = signal
      return ok(1)
    })
    client.abort()
    expect(result).toEqual(ok(1))
    expect(stop?.aborted).toBe(false)
  })

  test('fails when its time is up, and is told to stop', async () => {
    const { call, stopped } = endless()
    const result = await withinDeadline(20, new AbortController().signal, call)
    expect(result).toEqual({ ok: false, failure: { kind: 'deadline', deadlineMs: 20 } })
    await stopped
  })

  test('fails when the client leaves, and is told to stop', async () => {
    const { call, stopped } = endless()
    const client = new AbortController()
    const result = withinDeadline(LONG_MS, client.signal, call)
    client.abort()
    expect(await result).toEqual({ ok: false, failure: { kind: 'aborted' } })
    await stopped
  })

  test('is not made for a client that has left', async () => {
    const call = jest.fn()
    const result = withinDeadline(LONG_MS, AbortSignal.abort(), call)
    expect(await result).toEqual({ ok: false, failure: { kind: 'aborted' } })
    expect(call).not.toHaveBeenCalled()
  })

  test('throws what it throws, for that is a bug', async () => {
    const call = () => Promise.reject(new Error('bug'))
    await expect(withinDeadline(LONG_MS, new AbortController().signal, call)).rejects.toThrow('bug')
  })

  test('may throw when it is too late', async () => {
    const call = (stop: StopSignal) =>
      new Promise<never>((_, reject) => stop.addEventListener('abort', () => reject(new Error('too late'))))
    const result = await withinDeadline(20, new AbortController().signal, call)
    expect(result).toMatchObject({ failure: { kind: 'deadline' } })
  })

  test('longer than a timer can be does not end at once', async () => {
    const call = () => new Promise<Result<number, HookFailure>>((resolve) => setTimeout(resolve, 20, ok(1)))
    expect(await withinDeadline(2 ** 40, new AbortController().signal, call)).toEqual(ok(1))
  })
})

/** A call that ends only when it is told to. */
function endless() {
  let end: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    end = resolve
  })
  const call = async (stop: StopSignal): Promise<Result<string, HookFailure>> => {
    stop.addEventListener('abort', end)
    await stopped
    return ok('too late')
  }
  return { call, stopped }
}

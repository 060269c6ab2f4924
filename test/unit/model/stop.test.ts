import { abortSignalOf, Stop } from '../../../src/model/stop.ts'

describe('a stop', () => {
  test('tells everyone who listens, in order and once', () => {
    const stop = new Stop()
    const told: string[] = []
    stop.addEventListener('abort', () => told.push('first'))
    stop.addEventListener('abort', () => told.push('second'))
    expect(stop.aborted).toBe(false)
    stop.abort()
    stop.abort()
    expect(stop.aborted).toBe(true)
    expect(told).toEqual(['first', 'second'])
  })

  test('does not tell who listens no more', () => {
    const stop = new Stop()
    const listener = jest.fn()
    stop.addEventListener('abort', listener)
    stop.removeEventListener('abort', listener)
    stop.removeEventListener('abort', () => {})
    stop.abort()
    expect(listener).not.toHaveBeenCalled()
  })

  test('tells nobody who comes too late, as an AbortSignal', () => {
    const stop = new Stop()
    stop.abort()
    const listener = jest.fn()
    stop.addEventListener('abort', listener)
    stop.abort()
    expect(listener).not.toHaveBeenCalled()
  })

  test('stays usable for a listener that takes itself away', () => {
    const stop = new Stop()
    const told: string[] = []
    const once = () => {
      told.push('once')
      stop.removeEventListener('abort', once)
    }
    stop.addEventListener('abort', once)
    stop.addEventListener('abort', () => told.push('other'))
    stop.abort()
    expect(told).toEqual(['once', 'other'])
  })
})

describe('abortSignalOf', () => {
  test('is aborted when the stop is', () => {
    const stop = new Stop()
    const signal = abortSignalOf(stop)
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(signal.aborted).toBe(false)
    stop.abort()
    expect(signal.aborted).toBe(true)
    expect(abortSignalOf(stop).aborted).toBe(true)
  })

  test('of a signal is that signal', () => {
    const { signal } = new AbortController()
    expect(abortSignalOf(signal)).toBe(signal)
  })
})

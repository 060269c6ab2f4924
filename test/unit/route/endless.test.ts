import { isEndless } from '../../../src/route/endless.ts'
import type { Operation } from '../../../src/route/operation.ts'
import { OPERATIONS, type OperationId } from '../../../src/route/operations.ts'
import { isTrue, queryValue } from '../../../src/route/query.ts'

function endless(id: OperationId, query: string): boolean {
  const operations: readonly Operation[] = OPERATIONS
  return isEndless(operations.find((operation) => operation.id === id)!, query)
}

describe('an answer without end', () => {
  test('is that of events and of an attach', () => {
    expect(endless('SystemEvents', 'since=1')).toBe(true)
    expect(endless('ContainerAttach', '')).toBe(true)
    expect(endless('ContainerList', 'follow=1&stream=1')).toBe(false)
  })

  test('is that of stats, unless switched off', () => {
    expect(endless('ContainerStats', '')).toBe(true)
    expect(endless('ContainerStats', 'one-shot=1')).toBe(true)
    expect(endless('ContainerStats', 'stream=1')).toBe(true)
    expect(endless('ContainerStats', 'stream=off')).toBe(true)
    for (const off of [
      'stream=false',
      'stream=0',
      'a=1&stream=False',
      'stream',
      'stream=',
      'stream=+no%20',
      '%73tream=0',
    ])
      expect([off, endless('ContainerStats', off)]).toEqual([off, false])
  })

  test.each(['ContainerLogs', 'ServiceLogs', 'TaskLogs'] as const)('is that of %s, if it follows', (id) => {
    expect(endless(id, '')).toBe(false)
    expect(endless(id, 'stdout=1&follow=0')).toBe(false)
    expect(endless(id, 'stdout=1&follow')).toBe(false)
    expect(endless(id, 'stdout=1&follow=true')).toBe(true)
    expect(endless(id, 'stdout=1&%66ollow=%31')).toBe(true)
  })
})

describe('a value of the query', () => {
  test('is decoded, and the first of its key', () => {
    expect(queryValue('a=1&b=x+y%2Bz&b=2', 'b')).toBe('x y+z')
    expect(queryValue('&&b', 'b')).toBe('')
    expect(queryValue('b=c=d', 'b')).toBe('c=d')
    expect(queryValue('a=b&c', 'b')).toBeUndefined()
    expect(queryValue('', '')).toBeUndefined()
    expect(queryValue('&', '')).toBeUndefined()
    expect(queryValue('%62=1', 'b')).toBe('1')
  })

  test('that is not UTF-8 is left as it is', () => {
    expect(queryValue('%ff=1&a=%ff', 'a')).toBe('%ff')
  })

  test('is true for the engine unless it is one of five words', () => {
    for (const no of ['', '0', 'no', 'false', 'none', 'NO', ' False\t', '\u0085none\u00a0', '\u3000'])
      expect([no, isTrue(no)]).toEqual([no, false])
    for (const yes of ['1', 'off', 'n', 'f', '00', 'true', 'no no', '\ufefffalse', 'nil', '-'])
      expect([yes, isTrue(yes)]).toEqual([yes, true])
  })
})

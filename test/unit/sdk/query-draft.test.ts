import { QueryDraft } from '../../../src/sdk/query-draft.ts'

describe('a query draft', () => {
  test('reads as the engine does', () => {
    const query = new QueryDraft('name=a+b&t=x%2Fy&t=2&flag&=empty&?q=1')
    expect(query.get('name')).toBe('a b')
    expect(query.get('t')).toBe('x/y')
    expect(query.getAll('t')).toEqual(['x/y', '2'])
    expect(query.get('flag')).toBe('')
    expect(query.get('?q')).toBe('1')
    expect(query.get('Name')).toBeNull()
    expect(query.has('flag')).toBe(true)
    expect(query.keys()).toEqual(['name', 't', 'flag', '', '?q'])
    expect([...query]).toHaveLength(query.size)
  })

  test('stays as received, byte for byte, when it is only read', () => {
    const received = 'a=%7e&&b=+%20&a=%FF'
    const query = new QueryDraft(received)
    query.getAll('a')
    expect(query.toString()).toBe(received)
  })

  test('leaves every pair alone that was not meant', () => {
    const query = new QueryDraft('filters=%7b%22a%22%7d&x=%FF&name=old&name=older')
    query.set('name', 'new & better')
    expect(query.toString()).toBe('filters=%7b%22a%22%7d&x=%FF&name=new+%26+better')
    query.append('tag', 'é')
    query.delete('filters')
    expect(query.toString()).toBe('x=%FF&name=new+%26+better&tag=%C3%A9')
  })

  test('setting what was there changes nothing', () => {
    const query = new QueryDraft('name=%61')
    query.set('name', 'a')
    expect(query.toString()).toBe('name=%61')
  })

  test('starts from nothing', () => {
    const query = new QueryDraft('')
    expect(query.size).toBe(0)
    query.set('name', 'web')
    expect(query.toString()).toBe('name=web')
  })
})

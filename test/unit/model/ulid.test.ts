import { ulid } from '../../../src/model/ulid.ts'

test('an id has 26 letters of Crockford’s base 32', () => {
  expect(ulid()).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
})

test('its first ten letters are the time, in milliseconds', () => {
  const before = Date.now()
  const id = ulid()
  const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  const time = Array.from(id.slice(0, 10)).reduce((sum, letter) => sum * 32 + letters.indexOf(letter), 0)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
})

test('all differ, also where the counted letters begin anew', () => {
  const made = new Set<string>()
  const total = 32 ** 4 + 1000
  for (let n = 0; n < total; n++) made.add(ulid())
  expect(made.size).toBe(total)
})

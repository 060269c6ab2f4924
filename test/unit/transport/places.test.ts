import { whenThere } from '../../../src/model/soon.ts'
import { Places } from '../../../src/transport/places.ts'

const staying = new AbortController().signal

describe('places', () => {
  test('are given in the order of asking, as they get free', async () => {
    const places = new Places(1, 10)
    const order: string[] = []
    expect(await places.take(staying)).toBe('taken')
    const second = whenThere(places.take(staying), () => order.push('second'))
    const third = whenThere(places.take(staying), () => order.push('third'))
    places.leave()
    await second
    expect(order).toEqual(['second'])
    places.leave()
    await third
    expect(order).toEqual(['second', 'third'])
  })

  test('that nobody waits for are free again', async () => {
    const places = new Places(2, 0)
    await places.take(staying)
    await places.take(staying)
    expect(await places.take(staying)).toBe('full')
    places.leave()
    expect(await places.take(staying)).toBe('taken')
  })

  test('are waited for by so many and no more', async () => {
    const places = new Places(1, 1)
    await places.take(staying)
    const waiting = places.take(staying)
    expect(await places.take(staying)).toBe('full')
    places.leave()
    expect(await waiting).toBe('taken')
  })

  test('go past those that have stopped waiting', async () => {
    const places = new Places(1, 2)
    await places.take(staying)
    const client = new AbortController()
    const leaving = places.take(client.signal)
    const next = places.take(staying)
    client.abort()
    expect(await leaving).toBe('stopped')
    places.leave()
    expect(await next).toBe('taken')
    expect(await Promise.race([places.take(staying), 'still taken'])).toBe('still taken')
  })
})

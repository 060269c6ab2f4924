import { makeCall } from 'powerstrip/sdk'
import { serveForTest } from '../../test/support/hook-calls.ts'
import restrictImage from './adapter.ts'

const CREATE = '/v1.45/containers/create'

async function judge(allow: readonly string[], image: unknown) {
  await using adapter = await serveForTest(restrictImage, { allow })
  return await adapter.pre(CREATE, { Image: image })
}

describe('creating a container', () => {
  test.each([
    ['acme', 'acme/web'],
    ['acme', 'acme/web:1.2'],
    ['acme', 'acme/web@sha256:0123'],
    ['acme', 'docker.io/acme/web'],
    ['acme', 'index.docker.io/acme/web'],
    ['_', 'busybox'],
    ['_', 'busybox:latest'],
    ['_', 'library/busybox'],
    ['_', 'docker.io/busybox'],
    ['_', 'docker.io/library/busybox'],
    ['registry.example', 'registry.example/anything/at:all'],
    ['registry.example', 'Registry.Example/web'],
    ['localhost:5000', 'localhost:5000/web'],
    ['localhost', 'localhost/web'],
    ['registry.example/acme', 'registry.example/acme/web'],
  ])('allowing %s lets %s pass', async (allow, image) => {
    expect((await judge([allow], image)).status).toBe(200)
  })

  test.each([
    ['acme', 'evil/web'],
    ['acme', 'busybox'],
    ['acme', 'library/busybox'],
    ['acme', 'registry.example/acme/web'],
    ['acme', 'localhost:5000/acme/web'],
    ['_', 'acme/web'],
    ['_', 'localhost:5000/busybox'],
    ['_', 'registry.example/busybox'],
    ['localhost', 'localhost:5000/web'],
    ['registry.example', 'registry.example:5000/web'],
    ['registry.example', 'evil.example/registry.example/web'],
    ['registry.example/acme', 'registry.example/evil/web'],
    ['registry.example/acme', 'registry.example/web'],
    ['registry.example/acme', 'acme/web'],
  ])('allowing %s refuses %s', async (allow, image) => {
    const { status, message } = await judge([allow], image)
    expect(status).toBe(403)
    expect(message).toBe(`the image "${image}" is not allowed here; allowed: ${allow}`)
  })

  test.each([['3f5ef9003cef'], ['cafe'], [`sha256:${'0'.repeat(64)}`], ['0'.repeat(64)]])(
    'refuses %s, which the engine may take for an id',
    async (image) => {
      const { status, message } = await judge(['_', 'acme'], image)
      expect(status).toBe(403)
      expect(message).toContain('may be the id of an image')
    },
  )

  test('with a tag it is a name', async () => {
    expect((await judge(['_'], 'cafe:latest')).status).toBe(200)
  })

  test.each([undefined, '', 7, ['acme/web']])('refuses the image %j', async (image) => {
    const { status, message } = await judge(['acme'], image)
    expect([status, message]).toEqual([403, 'the request names no image'])
  })

  test('without a body is refused too', async () => {
    await using adapter = await serveForTest(restrictImage, { allow: ['acme'] })
    expect((await adapter.pre(CREATE)).status).toBe(403)
  })

  test('any of several rules will do', async () => {
    expect((await judge(['_', 'acme'], 'acme/web')).status).toBe(200)
    expect((await judge([], 'acme/web')).message).toMatch(/allowed: none$/)
  })

  test('leaves the request as it is', async () => {
    const { modified } = await judge(['acme'], 'acme/web')
    expect(modified).toEqual({ Method: 'POST', Request: CREATE, Body: { Image: 'acme/web' } })
  })
})

describe('pulling', () => {
  const pull = async (query: string, pulls: boolean) => {
    await using adapter = await serveForTest(restrictImage, { allow: ['acme'], pulls })
    return (await adapter.pre(`/images/create?${query}`)).status
  }

  test('is not judged unless asked for', async () => {
    expect(await pull('fromImage=evil/web', false)).toBe(200)
  })

  test.each([
    ['fromImage=acme%2Fweb&tag=1', 200],
    ['fromImage=evil/web&tag=1', 403],
    ['fromImage=busybox', 403],
    ['fromSrc=-&repo=acme/web', 200],
    ['fromSrc=-&repo=evil/web', 403],
    ['fromSrc=-', 200],
  ])('%s: %d', async (query, status) => {
    expect(await pull(query, true)).toBe(status)
  })
})

test('validates the request as it will go to the engine', async () => {
  const adapter = restrictImage.create({ allow: ['acme'] })
  const validate = (Image: string) =>
    adapter.answer(
      makeCall('validate-hook', { operation: 'ContainerCreate', body: { Image } }),
      new AbortController().signal,
    )
  expect((await validate('acme/web')).outcome).toEqual({ kind: 'pass' })
  expect((await validate('evil/web')).outcome).toMatchObject({ kind: 'deny', status: 403 })
  expect(adapter.abilities).toMatchObject({
    implements: ['pre-hook', 'validate-hook'],
    operations: ['ContainerCreate', 'ImageCreate'],
    sideEffects: 'None',
  })
})

test.each([{}, { allow: 'acme' }, { allow: [1] }, { alow: [] }])('is not made of %j', (configured) => {
  expect(() => restrictImage.create(configured)).toThrow(TypeError)
})

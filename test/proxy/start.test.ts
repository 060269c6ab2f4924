/** Where a proxy listens, and where it will not. */
import { existsSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../src/model/address.ts'
import { plainListener } from '../../src/model/listener.ts'
import { type ProxyOptions, startProxy } from '../../src/proxy.ts'
import { connect } from '../support/connect.ts'
import { startScriptedEngine } from '../support/scripted-engine.ts'
import { PING, PONG } from './stage.ts'

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'start-'))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

const unix = (...names: string[]): Address => ({ kind: 'unix', path: join(dir, ...names) })
const tcp = (host: string, port: number): Address => ({ kind: 'tcp', host, port })

function start(listen: readonly Address[], engine: Address, more: Partial<ProxyOptions> = {}) {
  return startProxy({
    listeners: listen.map((address) => plainListener(address)),
    engine: { address: engine, tls: undefined },
    tell: () => {},
    ...more,
  })
}

test('several addresses lead to one engine, each named in the order asked for', async () => {
  await using engine = await startScriptedEngine()
  const told: string[] = []
  const proxy = await start([unix('a.sock'), tcp('127.0.0.1', 0), unix('b.sock')], engine.address, {
    tell: (event) => {
      if (event.kind === 'listening') told.push(event.address)
    },
  })
  if (!proxy.ok) throw new Error(proxy.failure.message)
  const { addresses } = proxy.value
  expect(addresses).toEqual([unix('a.sock'), tcp('127.0.0.1', expect.any(Number) as never), unix('b.sock')])
  expect(told).toEqual([
    `unix://${dir}/a.sock`,
    expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:[1-9]/),
    `unix://${dir}/b.sock`,
  ])
  for (const address of addresses) {
    await using client = await connect(address)
    await client.send(PING)
    const served = await engine.accept()
    await served.until(PING)
    await served.send(PONG)
    await client.until(PONG)
  }
  await proxy.value.drain(0)
  expect([existsSync(join(dir, 'a.sock')), existsSync(join(dir, 'b.sock'))]).toEqual([false, false])
})

test('if one address cannot be had, none is kept', async () => {
  await writeFile(join(dir, 'file'), 'precious')
  const proxy = await start([unix('a.sock'), unix('file')], unix('engine.sock'))
  expect(proxy).toEqual({
    ok: false,
    failure: { kind: 'outside', message: expect.stringContaining(`${dir}/file`) },
  })
  expect(existsSync(join(dir, 'a.sock'))).toBe(false)
})

describe('its own upstream engine', () => {
  test.each([
    ['the same path', () => [unix('docker.sock'), unix('docker.sock')]],
    ['a path with detours', () => [unix('docker.sock'), { kind: 'unix', path: `${dir}/sub/../docker.sock` }]],
    ['a directory behind a symbolic link', () => [unix('link', 'docker.sock'), unix('docker.sock')]],
    ['the other way round', () => [unix('docker.sock'), unix('link', 'docker.sock')]],
    ['the same port', () => [tcp('127.0.0.1', 4), tcp('127.0.0.1', 4)]],
    ['localhost', () => [tcp('localhost', 4), tcp('127.0.0.1', 4)]],
    ['127.0.0.1', () => [tcp('127.0.0.1', 4), tcp('localhost', 4)]],
    ['::1', () => [tcp('::1', 4), tcp('localhost', 4)]],
  ] as Array<[string, () => [Address, Address]]>)(
    'is refused as an address to listen on: %s',
    async (_, make) => {
      await mkdir(join(dir, 'sub'))
      await symlink('.', join(dir, 'link'))
      const [own, upstream] = make()
      for (const listen of [[own], [unix('good.sock'), own]])
        expect(await start(listen, upstream)).toEqual({
          ok: false,
          failure: {
            kind: 'usage',
            message: expect.stringContaining('every request would come back to itself'),
          },
        })
      expect(existsSync(join(dir, 'good.sock'))).toBe(false)
    },
  )

  test('keeps the socket it has', async () => {
    const engine = await startScriptedEngine(unix('docker.sock'))
    const { ino } = statSync(join(dir, 'docker.sock'))
    expect((await start([unix('docker.sock')], unix('docker.sock'))).ok).toBe(false)
    expect(statSync(join(dir, 'docker.sock')).ino).toBe(ino)
    await engine[Symbol.asyncDispose]()
  })
})

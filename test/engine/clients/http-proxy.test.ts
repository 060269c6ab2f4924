/** Why powerstrip moves bytes itself: what a library that is made for web sites does to `docker exec`. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import httpProxy from 'http-proxy'
import { everyWay } from '../../support/clients/index.ts'
import { describeEachEngine, docker } from '../../support/engine/index.ts'

describeEachEngine('http-proxy', (engine) => {
  const ways = everyWay(engine)
  beforeAll(() => ways.each((way) => way.box('box')))

  test('relays what needs no more than requests and answers', async () => {
    await using proxy = await startHttpProxy(engine().socket)
    const ended = await docker(proxy.host, ['version', '--format', '{{.Server.Version}}'])
    expect(ended).toEqual({ exitCode: 0, stdout: `${engine().version}\n`, stderr: '' })
  })

  test('breaks docker exec, which works through powerstrip', async () => {
    await using proxy = await startHttpProxy(engine().socket)
    const throughPowerstrip = await ways.same(async (way) => {
      const args = ['exec', '-i', way.named('box'), 'sort']
      const broken = await docker(proxy.host, args, { stdin: 'b\na\n' })
      expect(broken).toMatchObject({ stdout: '', stderr: expect.stringMatching(/./) })
      expect(broken.exitCode).not.toBe(0)
      return way.docker(args, { stdin: 'b\na\n' })
    })
    expect(throughPowerstrip).toEqual({ exitCode: 0, stdout: 'a\nb\n', stderr: '' })
  })
})

interface RunningHttpProxy extends AsyncDisposable {
  readonly host: string
}

/** http-proxy as its documentation sets it up for upgrades. */
async function startHttpProxy(socketPath: string): Promise<RunningHttpProxy> {
  // The engine's socket; the types know only TCP.
  const target = { socketPath } as httpProxy.ProxyTarget
  const proxy = httpProxy.createProxyServer({ target, ws: true })
  proxy.on('error', (_cause, _request, answer) => answer.destroy())
  const server: Server = createServer((request, answer) => proxy.web(request, answer))
  server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}

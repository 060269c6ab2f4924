/**
 * http-proxy in front of the engine, in plain JavaScript: no compiler shares the process that is measured.
 *
 *     node http-proxy-server.mjs ENGINE_SOCKET PORT SOCKET
 */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [engineSocket, port, socket] = process.argv.slice(2)

const proxy = httpProxy.createProxyServer({
  target: { socketPath: engineSocket },
  // Without an agent every request opens an engine connection of its own and closes the client's.
  agent: new Agent({ keepAlive: true }),
})

// A head whose body is still to come is not sent by itself, and `docker run` waits for that of "wait" for ever.
// Flushed a moment later, so that a body that is here already goes out together with its head.
proxy.on('proxyRes', (_answer, _request, response) => setImmediate(() => response.flushHeaders()))
proxy.on('error', (_error, _request, response) => response.destroy())

for (const where of [{ host: '127.0.0.1', port: Number(port) }, { path: socket }]) {
  const server = createServer((request, response) => proxy.web(request, response))
  // Node ends what takes long; uploads and idle connections may.
  server.requestTimeout = 0
  server.keepAliveTimeout = 0
  server.listen(where)
}

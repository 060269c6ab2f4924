/** The smallest adapter that changes something: it labels each create. No library, so that the chain is measured. */
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.once('end', () => {
    const call = JSON.parse(Buffer.concat(parts).toString())
    const body = JSON.parse(call.ClientRequest.Body)
    body.Labels = { ...body.Labels, [`seen.${Object.keys(body.Labels).length}`]: 'yes' }
    const reply = JSON.stringify({
      PowerstripProtocolVersion: 1,
      ModifiedClientRequest: { Body: JSON.stringify(body) },
    })
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(reply),
    })
    response.end(reply)
  })
})
// A variant waits for its turn longer than Node keeps a silent connection.
server.keepAliveTimeout = 0
server.listen(process.argv[2])

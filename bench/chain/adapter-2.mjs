/**
 * The smallest adapter of protocol 2: it labels each create, marks each event and allows everything. No library, so that the chain is
 * measured.
 */
import { createServer } from 'node:http'

const TYPE = 'application/vnd.powerstrip.v2+json'
const ABILITIES = JSON.stringify({
  PowerstripProtocolVersion: 2,
  Name: 'label',
  ProtocolVersions: [2],
  Implements: ['pre-hook', 'validate-hook', 'stream-hook'],
  SideEffects: 'None',
})
const LABEL = JSON.stringify({ Patch: [{ op: 'add', path: '/Labels/seen', value: 'yes' }] })

function marked(event, Index) {
  return { Index, Action: 'replace', Event: { ...event, seen: 'yes' } }
}

function send(response, body) {
  response.writeHead(200, { 'Content-Type': TYPE, 'Content-Length': Buffer.byteLength(body) }).end(body)
}

const server = createServer((request, response) => {
  if (request.method === 'OPTIONS') return send(response, ABILITIES)
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.once('end', () => {
    const call = JSON.parse(Buffer.concat(parts).toString())
    if (call.Type === 'pre-hook') send(response, LABEL)
    else if (call.Part === 'data') send(response, JSON.stringify({ Events: call.Events.map(marked) }))
    else response.writeHead(204).end()
  })
})
// A variant waits for its turn longer than Node keeps a silent connection.
server.keepAliveTimeout = 0
server.listen(process.argv[2])

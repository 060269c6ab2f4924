/**
 * Answers every request with a create's answer, as fast as Node can: what is measured in front of it is the chain. `/events` is a
 * stream of `count` events, one every `pace` ms, each with the time when it was sent.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const ANSWER = '{"Id":"4f1e","Warnings":[]}'

/** The clock of this machine, which all processes on it share, in microseconds. */
const now = () => Number(process.hrtime.bigint() / 1000n)

function stream(response, query) {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.flushHeaders()
  let left = Number(query.get('count'))
  const send = () => {
    response.write(`${JSON.stringify({ sentAt: now(), Type: 'container', Action: 'start', Actor: ACTOR })}\n`)
    if (--left > 0) setTimeout(send, Number(query.get('pace')))
    else response.end()
  }
  setTimeout(send, 50)
}

const ACTOR = {
  ID: '4f1e'.repeat(16),
  Attributes: { image: 'busybox', name: 'nice_name', 'org.example.label': 'value' },
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://engine')
  if (pathname.endsWith('/events')) return stream(response, searchParams)
  // For who wants to know that it is the very body which was sent.
  const digest = searchParams.has('digest') ? createHash('sha256') : undefined
  request.on('data', (part) => digest?.update(part))
  request.once('end', () => {
    if (digest !== undefined) response.setHeader('Body-Digest', digest.digest('hex'))
    response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length })
    response.end(request.method === 'HEAD' ? undefined : ANSWER)
  })
})
// A variant waits for its turn longer than Node keeps a silent connection.
server.keepAliveTimeout = 0
server.listen(process.argv[2])

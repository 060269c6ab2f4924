/** Answers every request with a create's answer, as fast as Node can: what is measured in front of it is the chain. */
import { createServer } from 'node:http'

const ANSWER = '{"Id":"4f1e","Warnings":[]}'

const server = createServer((request, response) => {
  request.resume().once('end', () => {
    response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': ANSWER.length })
    response.end(request.method === 'HEAD' ? undefined : ANSWER)
  })
})
// A variant waits for its turn longer than Node keeps a silent connection.
server.keepAliveTimeout = 0
server.listen(process.argv[2])

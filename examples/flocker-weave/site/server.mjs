// A web site that knows its visitors: who they are is in a cookie, all else in the database.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { hostname, networkInterfaces } from 'node:os'
import { page } from './page.mjs'
import { Redis } from './redis.mjs'

const { PORT = '80', DATABASE = 'db:6379' } = process.env
const database = new Redis(DATABASE)

const server = createServer((request, response) => {
  answer(request, response).catch((problem) => {
    // The visitor's browser may try again; nothing is forgotten meanwhile.
    response.writeHead(503, { 'Content-Type': 'text/plain', 'Retry-After': '1' })
    response.end(`The database is away: ${problem.message}\n`)
  })
})

async function answer(request, response) {
  if (request.method === 'POST' && request.url === '/sign') await sign(request)
  else if (request.url !== '/') return response.writeHead(404).end('There is nothing here.\n')

  const session = sessionOf(request) ?? randomUUID()
  const [allVisits, yourVisits, since] = await Promise.all([
    database.send('INCR', 'visits'),
    database.send('HINCRBY', `session:${session}`, 'visits', '1'),
    firstSeen(session),
  ])
  const seen = {
    session,
    yourVisits,
    allVisits,
    since,
    guests: (await database.send('LRANGE', 'guests', '0', '4')).map((text) => decodeURIComponent(text)),
    container: hostname(),
    address: ownAddress(request.socket.localAddress),
    database: { name: DATABASE.split(':')[0], address: database.peer },
  }
  const cookie = `visitor=${session}; Path=/; HttpOnly; SameSite=Lax`
  const json = request.headers.accept === 'application/json'
  response.writeHead(200, {
    'Set-Cookie': cookie,
    'Content-Type': json ? 'application/json' : 'text/html; charset=utf-8',
  })
  response.end(json ? JSON.stringify(seen) : page(seen))
}

async function firstSeen(session) {
  await database.send('HSETNX', `session:${session}`, 'since', new Date().toISOString())
  return database.send('HGET', `session:${session}`, 'since')
}

async function sign(request) {
  let form = ''
  for await (const part of request) form += part
  const name = new URLSearchParams(form).get('name')?.trim().slice(0, 60)
  if (name) await database.send('LPUSH', 'guests', encodeURIComponent(name))
}

function sessionOf({ headers }) {
  return /(?:^|; )visitor=([0-9a-f-]{36})(?:;|$)/.exec(headers.cookie ?? '')?.[1]
}

/** Behind a port that Docker publishes, the address that was asked is still the container's own. */
function ownAddress(asked) {
  const own = Object.values(networkInterfaces())
    .flat()
    .map(({ address }) => address)
  return own.find((address) => asked.endsWith(address)) ?? asked
}

// Nothing is kept here that could be lost.
process.once('SIGTERM', () => process.exit(0))
server.listen(Number(PORT), () =>
  console.log(`the site listens on port ${PORT}, its database is ${DATABASE}`),
)

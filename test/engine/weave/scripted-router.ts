/**
 * A Weave router as far as its HTTP API goes, to be run inside a host: `node --import tsx scripted-router.ts`. It writes each
 * request to its output, a line each, after `up`.
 */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const owned = new Map<string, string[]>()
let next = 1

const server = createServer(async (request, response) => {
  const { method = '', url = '' } = request
  const body = await text(request)
  console.log(`${method} ${url}${body === '' ? '' : ` ${body}`}`)
  const answer = (status: number, words = '') => response.writeHead(status).end(words)
  const [, what, id = '', ip, prefix] = url.split('?')[0]!.split('/')
  if (url === '/domain') return answer(200, 'weave.local.')
  if (url === '/dns-address') return answer(200, '172.17.0.1')
  if (what === 'name') return answer(204)
  if (what !== 'ip') return answer(404)
  const mine = owned.get(id) ?? []
  switch (method) {
    case 'GET':
      return answer(
        200,
        JSON.stringify({ owned: [...owned].map(([containerid, addrs]) => ({ containerid, addrs })) }),
      )
    case 'DELETE':
      return answer(owned.delete(id) ? 204 : 404)
    case 'PUT': {
      const cidr = `${ip}/${prefix}`
      const holder = [...owned].find(([other, cidrs]) => other !== id && cidrs.includes(cidr))
      if (holder !== undefined) return answer(400, `address ${ip} is already owned by ${holder[0]}`)
      if (!mine.includes(cidr)) owned.set(id, [...mine, cidr])
      return answer(204)
    }
    default: {
      const given =
        mine.find((cidr) => cidr.endsWith(`/${prefix}`)) ??
        `${ip?.replace(/[0-9]+$/, '')}${100 + next++}/${prefix}`
      if (!mine.includes(given)) owned.set(id, [...mine, given])
      return answer(200, given)
    }
  }
})
server.listen(6784, '127.0.0.1', () => console.log('up'))

/**
 * A visitor of the site, in a container of their own: asks for the page again and again, with the cookie that it was given,
 * and prints each answer as a line of JSON. Ends with its standard input.
 */
import { request } from 'node:http'

const [url] = process.argv.slice(2)
/**
 * Of a visitor who waits for a page and is about to press reload. Where nobody is, nobody says so, and TCP itself would ask again
 * only after a second: too coarse to see when the site is back.
 */
const PATIENCE_MS = { connect: 100, answer: 500 }
const PAUSE_MS = 20

let cookie
process.stdin.on('end', () => process.exit(0)).resume()
for (;;) {
  const answer = await visit()
  console.log(JSON.stringify({ at: Date.now(), ...answer }))
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

function visit() {
  return new Promise((resolve) => {
    const headers = { accept: 'application/json', ...(cookie === undefined ? {} : { cookie }) }
    // A connection for each visit, as after the browser has been closed.
    const call = request(url, { headers, agent: false, timeout: PATIENCE_MS.connect }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        text += part
      })
      response.on('error', (problem) => resolve({ problem: problem.message }))
      response.on('end', () => {
        if (response.statusCode !== 200) return resolve({ problem: text.trim() })
        cookie = response.headers['set-cookie']?.[0].split(';')[0] ?? cookie
        resolve({ page: JSON.parse(text) })
      })
    })
    call.on('socket', (socket) => socket.on('connect', () => socket.setTimeout(PATIENCE_MS.answer)))
    call.on('timeout', () => call.destroy(new Error('no answer')))
    call.on('error', (problem) => resolve({ problem: problem.message }))
    call.end()
  })
}

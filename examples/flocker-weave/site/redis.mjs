// As much of a Redis client as this site needs: commands in, replies out, and a new connection when the old one is gone.

import { Resolver } from 'node:dns'
import { connect } from 'node:net'

export class Redis {
  #host
  #port
  #socket
  #text = ''
  /** Who waits for the replies to come, in order. */
  #waiting = []

  constructor(address) {
    const [host, port = '6379'] = address.split(':')
    this.#host = host
    this.#port = Number(port)
  }

  /** The address at the other end, once there has been a reply. */
  get peer() {
    return this.#socket?.remoteAddress
  }

  send(...words) {
    return new Promise((resolve, reject) => {
      const socket = this.#connected()
      this.#waiting.push({ resolve, reject })
      const parts = words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`)
      socket.write(`*${words.length}\r\n${parts.join('')}`)
    })
  }

  #connected() {
    if (this.#socket !== undefined) return this.#socket
    const socket = connect({ host: this.#host, port: this.#port, lookup, autoSelectFamily: false })
    socket.setEncoding('utf8').setNoDelay(true)
    // A database that is being moved says nothing at all, and is asked again sooner than TCP would.
    socket.setTimeout(300, () => socket.destroy(new Error('the database does not answer')))
    socket.on('connect', () => socket.setTimeout(0))
    socket.on('data', (text) => this.#read(text))
    socket.on('error', (problem) => this.#lose(problem))
    socket.on('close', () => this.#lose(new Error('the database has closed the connection')))
    this.#socket = socket
    return socket
  }

  #lose(problem) {
    this.#socket = undefined
    this.#text = ''
    for (const { reject } of this.#waiting.splice(0)) reject(problem)
  }

  #read(text) {
    this.#text += text
    for (;;) {
      const reply = parse(this.#text, 0)
      if (reply === undefined) return
      this.#text = this.#text.slice(reply.end)
      const { resolve, reject } = this.#waiting.shift()
      if (reply.value instanceof Error) reject(reply.value)
      else resolve(reply.value)
    }
  }
}

/** One reply of RESP 2 and where it ends; `undefined` while it is not complete. This site stores ASCII only. */
function parse(text, start) {
  const lineEnd = text.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const rest = text.slice(start + 1, lineEnd)
  const end = lineEnd + 2
  switch (text[start]) {
    case '+':
      return { value: rest, end }
    case '-':
      return { value: new Error(rest), end }
    case ':':
      return { value: Number(rest), end }
    case '$': {
      const length = Number(rest)
      if (length === -1) return { value: null, end }
      if (text.length < end + length + 2) return undefined
      return { value: text.slice(end, end + length), end: end + length + 2 }
    }
    case '*': {
      const values = []
      let at = end
      for (let left = Number(rest); left > 0; left--) {
        const item = parse(text, at)
        if (item === undefined) return undefined
        values.push(item.value)
        at = item.end
      }
      return { value: values, end: at }
    }
    default:
      return { value: new Error(`no reply of Redis: ${text.slice(start, lineEnd)}`), end }
  }
}

/** While a database is away, so is its name, and a name server may think about that for longer than a visitor waits. */
const resolver = new Resolver({ timeout: 300, tries: 1 })

function lookup(name, _options, done) {
  resolver.resolve4(name, (problem, addresses) => done(problem, addresses?.[0], 4))
}

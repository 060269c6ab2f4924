/**
 * A strict reader of HTTP/1.1 answers, for judging what arrives. It shares no code with the proxy, on purpose: a mistake
 * made in both places would not be seen.
 */
export interface Answer {
  readonly status: number
  /** Status line, fields and the empty line, as received; one character is one byte. */
  readonly head: string
  readonly framing: 'none' | 'length' | 'chunked' | 'until-close'
  /** What came behind the head, as received, chunk framing included. */
  readonly raw: Buffer
  /** The body itself. */
  readonly body: Buffer
}

/** An answer as it was received. */
export function wholeOf(answer: Answer): string {
  return answer.head + answer.raw.toString('latin1')
}

/** Something complete at the start of what was received, and how many bytes of it that was. */
export interface Taken<T> {
  readonly value: T
  readonly used: number
}

const NO_BYTES = Buffer.alloc(0)
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [ -~]*)?$/
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/

/** The head at the start of `seen`; undefined while it is not complete. What is no head at all is thrown. */
export function takeHead(seen: Buffer): Taken<string> | undefined {
  const end = seen.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  return { value: seen.subarray(0, end + 4).toString('latin1'), used: end + 4 }
}

/**
 * The answer at the start of `seen`; undefined while it is not complete. `over`: nothing will follow. An interim answer
 * (1xx) is one of its own.
 */
export function takeAnswer(seen: Buffer, over: boolean, method: string): Taken<Answer> | undefined {
  const taken = takeHead(seen)
  if (taken === undefined) return undefined
  const head = taken.value
  const rest = seen.subarray(taken.used)
  const status = statusOf(head)
  const framing = framingOf(head, status, method)
  const body = takeBody(rest, over, head, framing)
  if (body === undefined) return undefined
  return {
    value: { status, head, framing, raw: rest.subarray(0, body.used), body: body.value },
    used: taken.used + body.used,
  }
}

export function statusOf(head: string): number {
  const line = STATUS_LINE.exec(head.slice(0, head.indexOf('\r\n')))
  if (line === null) throw new Error(`not a status line: ${JSON.stringify(head.slice(0, 80))}`)
  return Number(line[1])
}

/** All values of a field, in order. `name` in lower case. */
export function fieldsOf(head: string, name: string): string[] {
  return head
    .split('\r\n')
    .slice(1, -2)
    .map((line) => {
      const field = FIELD_LINE.exec(line)
      if (field === null) throw new Error(`not a field line: ${JSON.stringify(line)}`)
      return field
    })
    .filter((field) => field[1]!.toLowerCase() === name)
    .map((field) => field[2]!)
}

function framingOf(head: string, status: number, method: string): Answer['framing'] {
  const lengths = fieldsOf(head, 'content-length')
  const codings = fieldsOf(head, 'transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Error(`more than one framing: ${JSON.stringify(head)}`)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') throw new Error(`a coding that is not chunked: ${codings[0]}`)
    return 'chunked'
  }
  return lengths.length === 1 ? 'length' : 'until-close'
}

function takeBody(
  rest: Buffer,
  over: boolean,
  head: string,
  framing: Answer['framing'],
): Taken<Buffer> | undefined {
  switch (framing) {
    case 'none':
      return { value: NO_BYTES, used: 0 }
    case 'until-close':
      return over ? { value: rest, used: rest.length } : undefined
    case 'length': {
      const length = Number(fieldsOf(head, 'content-length')[0])
      return rest.length < length ? undefined : { value: rest.subarray(0, length), used: length }
    }
    case 'chunked':
      return takeChunks(rest)
  }
}

function takeChunks(rest: Buffer): Taken<Buffer> | undefined {
  const data: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = rest.subarray(at, lineEnd).toString('latin1')
    if (!/^[0-9a-fA-F]+$/.test(size))
      throw new Error(`not a chunk size: ${JSON.stringify(size.slice(0, 40))}`)
    const start = lineEnd + 2
    const end = start + Number.parseInt(size, 16)
    if (rest.length < end + 2) return undefined
    if (rest.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a chunk does not end in CRLF')
    if (end === start) return { value: Buffer.concat(data), used: end + 2 }
    data.push(rest.subarray(start, end))
    at = end + 2
  }
}

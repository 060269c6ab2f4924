/** Answers that the proxy makes itself. */

/** RFC 9110 reason phrases for the codes that the proxy or an adapter may answer with. Others get an empty one. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
}

export function reasonFor(status: number): string {
  return REASONS[status] ?? ''
}

/**
 * A complete error answer in the engine's own format, `{"message":"…"}` and a newline; the connection closes behind it.
 * To a HEAD request only the head is sent.
 */
export function errorAnswer(status: number, message: string, method?: string): Buffer {
  const body = Buffer.from(`${JSON.stringify({ message })}\n`)
  const head = Buffer.from(
    `HTTP/1.1 ${status} ${reasonFor(status)}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n`,
    'latin1',
  )
  return method === 'HEAD' ? head : Buffer.concat([head, body])
}

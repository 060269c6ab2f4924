/** Answers that the proxy makes itself must be readable by every client: the engine's format, a length, then a close. */
import { errorAnswer, reasonFor } from '../../../src/http1/answer.ts'
import { readAnswer } from './read-stream.ts'

test('an error is the engine’s JSON, with its length, and closes the connection', () => {
  const answer = errorAnswer(502, 'the engine is "gone"\n')
  const read = readAnswer([answer])
  expect(read).toMatchObject({
    terms: { status: 502, keepAlive: false },
    end: 'complete',
    length: answer.length,
    body: `${JSON.stringify({ message: 'the engine is "gone"\n' })}\n`,
  })
  expect(answer.toString('latin1')).toMatch(
    /^HTTP\/1\.1 502 Bad Gateway\r\nContent-Type: application\/json\r\n/,
  )
})

test('a message with letters beyond ASCII has its length in bytes', () => {
  const answer = errorAnswer(400, 'naïve – ✓')
  const read = readAnswer([answer])
  expect(read.end).toBe('complete')
  expect(JSON.parse(Buffer.from(read.body, 'latin1').toString('utf8'))).toEqual({ message: 'naïve – ✓' })
})

test('to HEAD only the head goes, with the same length', () => {
  const head = errorAnswer(400, 'no', 'HEAD').toString('latin1')
  const get = errorAnswer(400, 'no', 'GET').toString('latin1')
  expect(head.endsWith('\r\n\r\n')).toBe(true)
  const withoutDate = (text: string) => text.replace(/Date: .*\r\n/, '')
  expect(withoutDate(get)).toBe(`${withoutDate(head)}{"message":"no"}\n`)
})

test.each([400, 408, 413, 414, 415, 417, 431, 501, 502, 505])('%d has a reason phrase', (status) => {
  expect(reasonFor(status)).toMatch(/^[A-Z][A-Za-z ]+$/)
})

test('a status without words gets an empty reason', () => {
  expect(errorAnswer(499, 'x').toString('latin1')).toMatch(/^HTTP\/1\.1 499 \r\n/)
})

/** Fixtures: real requests with the engine's answers, without secrets, one a line (`docs/testing-an-adapter.md`). */
import type { HookHeaders, HookRequest, HookResponse } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { isJsonObject, type Json, parseJson, printJson } from '../sdk/json.ts'
import { ExchangeMask, Mask } from '../telemetry/mask.ts'

export interface Fixture {
  readonly request: HookRequest
  /** Nothing where the client got none that can be shown: a connection that turned two-way, a stream. */
  readonly response: HookResponse | undefined
}

/** The line for one exchange. `operation`: Docker's id. */
export function fixtureLine({ request, response }: Fixture, operation: string | undefined): string {
  const mask = new ExchangeMask(new Mask(), operation)
  // Bodies first: what is found in them is known again in the rest.
  const sent = maskedBody(mask, request.body, request.form, 'request')
  const came = response && maskedBody(mask, response.body, response.form, 'answer')
  return printJson({
    ClientRequest: {
      Method: request.method,
      Request: mask.target(request.target),
      ...finished(mask, sent),
      Headers: maskedFields(mask, request.headers),
    },
    ServerResponse:
      response === undefined || came === undefined
        ? null
        : {
            ContentType: response.contentType,
            Code: response.status,
            ...finished(mask, came),
            Headers: maskedFields(mask, response.headers),
          },
  })
}

interface MaskedBody {
  readonly value: Json
  readonly form: 'json' | 'utf8' | 'none' | 'omitted'
}

function maskedBody(
  mask: ExchangeMask,
  text: string | null,
  form: HookRequest['form'],
  side: 'request' | 'answer',
): MaskedBody {
  // Bytes are archives and streams of programs: nobody can tell what is secret in them.
  if (form === 'base64' || form === 'omitted') return { value: null, form: 'omitted' }
  if (text === null || text === '') return { value: null, form: 'none' }
  try {
    return { value: mask.body(parseJson(text), side), form: 'json' }
  } catch {
    return { value: text, form: 'utf8' }
  }
}

function finished(mask: ExchangeMask, { value, form }: MaskedBody) {
  if (form === 'utf8') return { Body: maskedLines(mask, String(value)), BodyEncoding: form }
  return { Body: mask.finished(value), BodyEncoding: form }
}

/** Progress is JSON too, one value a line. */
function maskedLines(mask: ExchangeMask, text: string): string {
  return text
    .split('\n')
    .map((line) => mask.text(line))
    .join('\n')
}

function maskedFields(mask: ExchangeMask, fields: HookHeaders = {}): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [name, values.map((value) => mask.field(name, value))]),
  )
}

/** Reads a line, or says what is wrong with it. */
export function readFixture(line: string): Result<Fixture, string> {
  let fields: Json
  try {
    fields = parseJson(line)
  } catch (problem) {
    return failed(`it is not JSON: ${(problem as Error).message}`)
  }
  if (!isJsonObject(fields) || !isJsonObject(fields.ClientRequest))
    return failed('it is no object with a ClientRequest')
  const { Method: method, Request: target } = fields.ClientRequest
  if (typeof method !== 'string' || typeof target !== 'string')
    return failed('its ClientRequest has no Method and Request that are texts')
  const { ServerResponse: answer = null } = fields
  if (answer !== null && !isJsonObject(answer))
    return failed('its ServerResponse is neither an object nor null')
  const status = answer?.Code
  if (answer !== null && (typeof status !== 'number' || !Number.isInteger(status)))
    return failed('the Code of its ServerResponse is not a whole number')
  const sent = readBody(fields.ClientRequest)
  const came = answer && readBody(answer)
  return ok({
    request: {
      method,
      target,
      body: sent.text,
      form: sent.form,
      headers: fieldsIn(fields.ClientRequest.Headers),
    },
    response:
      answer === null || came === null
        ? undefined
        : {
            status: Number(status),
            contentType: typeof answer.ContentType === 'string' ? answer.ContentType : null,
            body: came.text ?? '',
            form: came.form,
            headers: fieldsIn(answer.Headers),
          },
  })
}

/** A text without `BodyEncoding` is the body itself, as in a reply. */
function readBody({ Body: body = null, BodyEncoding: form }: { [name: string]: Json | undefined }): {
  readonly text: string | null
  readonly form: 'json' | 'utf8' | 'none' | 'omitted'
} {
  if (form === 'omitted') return { text: null, form }
  if (form === 'none' || (body === null && form !== 'json')) return { text: null, form: 'none' }
  if (typeof body !== 'string' || form === 'json') return { text: printJson(body), form: 'json' }
  return { text: body, form: form === 'utf8' || !isJson(body) ? 'utf8' : 'json' }
}

function isJson(text: string): boolean {
  try {
    parseJson(text)
    return true
  } catch {
    return false
  }
}

function fieldsIn(value: Json | undefined): HookHeaders {
  if (!isJsonObject(value)) return {}
  return Object.fromEntries(
    Object.entries(value).map(([name, values]) => [
      name.toLowerCase(),
      Array.isArray(values) ? values.filter((one) => typeof one === 'string') : [],
    ]),
  )
}

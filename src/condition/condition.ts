/** Conditions of hooks, in CEL: whether a hook is called is decided from the request, before any hook has been. */

import { Environment } from '@marcbachmann/cel-js'
import { type JsonNode, readJson } from '../gate/json.ts'
import type { ExchangeFacts, HookCondition, HookRequest } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { queryOf } from '../wire/v2/query.ts'

/** Names that a condition may use; `docs/config.md` has a line on each. */
const ENVIRONMENT = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
  .registerVariable('operation', 'string')
  .registerVariable('apiVersion', 'string')
  .registerVariable('method', 'string')
  .registerVariable('path', 'string')
  .registerVariable('params', 'map')
  .registerVariable('query', 'map')
  .registerVariable('headers', 'map')
  .registerVariable('user', 'map')
  .registerVariable('listener', 'string')
  .registerVariable('dryRun', 'bool')
  .registerVariable('body', 'dyn')

/** A condition that can be decided again and again, or what is wrong with its text. */
export function compileCondition(text: string): Result<HookCondition, string> {
  try {
    const expression = ENVIRONMENT.parse(text)
    const { valid, type, error } = expression.check()
    if (!valid) return failed(firstLine(error))
    if (type !== 'bool' && type !== 'dyn') return failed(`it gives a ${type}, and not true or false`)
    return ok({
      readsBody: /\bbody\b/.test(text),
      holds(request, exchange) {
        try {
          const value: unknown = expression(contextOf(request, exchange))
          return typeof value === 'boolean'
            ? ok(value)
            : failed(`it gives ${typeof value}, and not true or false`)
        } catch (problem) {
          return failed(firstLine(problem))
        }
      },
    })
  } catch (problem) {
    return failed(firstLine(problem))
  }
}

/** What is dear is only worked out for a condition that names it. */
function contextOf(request: HookRequest, exchange: ExchangeFacts): Record<string, unknown> {
  const { operation, apiVersion, params, user, listener, dryRun } = exchange
  return {
    operation: operation ?? '',
    apiVersion: apiVersion ?? '',
    method: request.method,
    params: new Map(Object.entries(params)),
    user: new Map([
      ['name', user.name ?? ''],
      ['authenticationMethod', user.authenticationMethod ?? ''],
      ['peerAddress', user.peerAddress ?? ''],
    ]),
    listener,
    dryRun,
    get path() {
      return request.target.split('?', 1)[0]!
    },
    get query() {
      return firstOfEach(queryOf(request.target))
    },
    get headers() {
      return firstOfEach(request.headers ?? {})
    },
    get body() {
      return bodyValue(request)
    },
  }
}

/** The engine takes the first of repeated keys, too. */
function firstOfEach(lists: Readonly<Record<string, readonly string[]>>): Map<string, string> {
  return new Map(Object.entries(lists).map(([name, [first = '']]) => [name, first]))
}

function bodyValue({ body, form }: HookRequest): unknown {
  if (body === null || body === '' || (form !== undefined && form !== 'json')) return null
  const read = readJson(body)
  return read.ok ? celValue(body, read.value) : null
}

/** CEL tells whole numbers from others, and so does the text. */
function celValue(text: string, node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return new Map(node.members.map(({ key, value }) => [key, celValue(text, value)]))
    case 'list':
      return node.items.map((item) => celValue(text, item))
    case 'number': {
      const digits = text.slice(node.start, node.end)
      return /^-?[0-9]{1,18}$/.test(digits) ? BigInt(digits) : Number(digits)
    }
    default:
      return JSON.parse(text.slice(node.start, node.end))
  }
}

function firstLine(problem: unknown): string {
  const message = problem instanceof Error ? problem.message : String(problem)
  return message.split('\n', 1)[0]!
}

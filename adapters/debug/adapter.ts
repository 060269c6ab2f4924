import {
  defineAdapter,
  flag,
  type Json,
  options,
  type PostContext,
  type PreContext,
  parseJson,
  printJson,
} from 'powerstrip/sdk'
import { maskSecrets, maskTarget } from './mask.ts'

interface Config {
  /** Whole messages as JSON, one a line, instead of short lines for people. */
  readonly full: boolean
}

/** Says what passes through the chain where it stands, and changes nothing. */
export default defineAdapter<Config>({
  name: 'debug',
  version: '1.0.0',
  sideEffects: 'None',
  idempotent: true,
  config: options({ full: flag() }),
  pre: {
    '*': (ctx) => {
      ctx.log.info(ctx.config.full ? fullRequest(ctx) : shortRequest(ctx))
    },
  },
  post: {
    '*': (ctx) => {
      ctx.log.info(ctx.config.full ? fullResponse(ctx) : shortResponse(ctx))
    },
  },
})

function shortRequest(ctx: PreContext): string {
  return `pre   ${requestLine(ctx)}${short(ctx.text, ctx.operation)}`
}

function shortResponse(ctx: PostContext): string {
  return `post  ${requestLine(ctx)}  ${ctx.response.code}${short(ctx.text, ctx.operation)}`
}

function requestLine({ method, target, operation }: PreContext | PostContext): string {
  return `${method} ${maskTarget(target)}  ${operation}`
}

/** As much of a body as fits a line beside the rest. */
const SHORT_LENGTH = 200

function short(text: string | null, operation: string): string {
  if (text === null || text === '') return ''
  const line = printJson(shown(text, operation))
  return `  ${line.length > SHORT_LENGTH ? `${line.slice(0, SHORT_LENGTH)}… (${Buffer.byteLength(text)} bytes)` : line}`
}

function fullRequest({ method, target, operation, apiVersion, params, text }: PreContext): string {
  return printJson({
    hook: 'pre',
    method,
    target: maskTarget(target),
    operation,
    apiVersion,
    params,
    body: shown(text, operation),
  })
}

function fullResponse({
  method,
  target,
  operation,
  apiVersion,
  params,
  request,
  response,
  text,
}: PostContext): string {
  return printJson({
    hook: 'post',
    method,
    target: maskTarget(target),
    operation,
    apiVersion,
    params,
    body: shown(request.text, operation),
    response: { code: response.code, contentType: response.contentType, body: shown(text, operation) },
  })
}

/** A body for the eyes: JSON without its secrets; lines of JSON as a list; anything else by its size alone. */
function shown(text: string | null, operation: string): Json {
  if (text === null || text === '') return null
  try {
    return maskSecrets(parseJson(text), operation)
  } catch {
    return (
      linesOfJson(text)?.map((line) => maskSecrets(line, operation)) ??
      `(${Buffer.byteLength(text)} bytes that are not JSON)`
    )
  }
}

/** Progress of a pull or a build: one JSON value a line. */
function linesOfJson(text: string): Json[] | undefined {
  try {
    return text.trim().split(/\r?\n/).map(parseJson)
  } catch {
    return undefined
  }
}

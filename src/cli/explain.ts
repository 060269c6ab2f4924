/** `powerstrip explain`: what happens to a request, and why, without sending it anywhere. */
import type { Config, Rule } from '../config/config.ts'
import { MIN_API_VERSION } from '../proxy.ts'
import { type AdmittedRequest, admit } from '../route/admit.ts'
import { isEndless } from '../route/endless.ts'
import { subjectOf } from '../route/pattern.ts'
import { matchingRules } from '../route/plan.ts'
import { unshownBecause } from '../route/unshown.ts'
import { loadConfig } from './load-config.ts'
import type { ExitCode, Surroundings } from './surroundings.ts'

export interface ExplainOptions {
  readonly method: string
  readonly path: string
  readonly config: string | undefined
}

export async function runExplain(options: ExplainOptions, around: Surroundings): Promise<ExitCode> {
  let config: Config | undefined
  if (options.config !== undefined) {
    const usable = await loadConfig(options.config, around)
    if (usable === undefined) return 2
    config = usable.loaded.config
    await usable.hooks.close()
  }
  const admitted = admit(`${options.method} ${options.path} HTTP/1.1\r\nHost: docker\r\n\r\n`, {
    minApiVersion: MIN_API_VERSION,
  })
  if (!admitted.ok) {
    const { rule, status, message } = admitted.failure
    around.out(`refused with ${status}: ${message} (${rule})\n`)
    return 0
  }
  const rules =
    config === undefined ? [] : matchingRules(config.rules, subjectOf(options.method, admitted.value.route))
  around.out(
    `${[...describeRoute(admitted.value), ...describeRules(admitted.value, rules, config)].join('\n')}\n`,
  )
  return 0
}

function describeRoute({ route, head }: AdmittedRequest): string[] {
  const { operation, version, path, params } = route
  if (operation === undefined)
    return [
      `operation  unknown: ${head.method} ${path} is in no Docker API description`,
      `version    ${version ?? 'none'}`,
    ]
  const names = Object.entries(params).map(([name, value]) => `${name}=${value}`)
  return [
    `operation  ${operation.id}  (${operation.method} ${operation.path})`,
    `version    ${version ?? 'none given: the newest one of the engine'}`,
    ...(names.length > 0 ? [`names      ${names.join(', ')}`] : []),
    `carries    request: ${operation.takes}, answer: ${operation.gives}`,
    ...(operation.hijack === undefined
      ? []
      : [`hijack     may turn into a two-way stream (${operation.hijack})`]),
  ]
}

function describeRules(
  request: AdmittedRequest,
  rules: readonly Rule[],
  config: Config | undefined,
): string[] {
  if (config === undefined)
    return ['hooks      none: no configuration was given', 'so         relayed, bytes unchanged']
  if (rules.length === 0)
    return [`hooks      none: no endpoint of ${config.file} matches`, 'so         relayed, bytes unchanged']
  const pre = rules.flatMap((rule) => rule.pre.map((use) => use.adapter))
  const post = rules.flatMap((rule) => rule.post.map((use) => use.adapter))
  return [
    ...rules.map((rule) => `matches    ${rule.pattern.text}  (${config.file}:${rule.line})`),
    `pre        ${pre.join(', ') || 'none'}`,
    `post       ${post.join(', ') || 'none'}`,
    ...(post.length > 0 ? describeUnshown(request) : []),
    pre.length + post.length > 0
      ? `so         hooked; ${describeBody(request)}`
      : 'so         relayed, bytes unchanged',
  ]
}

function describeUnshown({ route: { operation, query } }: AdmittedRequest): string[] {
  if (operation === undefined) return []
  const reason = unshownBecause(operation)
  if (reason === undefined || (reason === 'endless' && !isEndless(operation, query))) return []
  return [
    `unshown    the answer is ${reason}: post-hooks are passed over, or it is refused with onUnsupported: fail`,
  ]
}

function describeBody({ route, head }: AdmittedRequest): string {
  if (head.method !== 'POST' && head.method !== 'PUT') return 'there is no body'
  if (route.operation?.takes === 'json') return 'hooks are shown the body'
  if (route.operation?.takes === 'tar') return 'the body streams past the hooks'
  return 'hooks are shown a body if its type is application/json'
}

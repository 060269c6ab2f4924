/** `powerstrip explain`: what happens to a request, and why, without sending it anywhere. */
import { type Config, PHASES, type Phase, type Rule } from '../config/config.ts'
import { MIN_API_VERSION } from '../proxy.ts'
import { type AdmittedRequest, admit } from '../route/admit.ts'
import { isEndless } from '../route/endless.ts'
import { isFramed } from '../route/framed.ts'
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
  around.out(explained(options.method, options.path, config))
  return 0
}

/** What a proxy with that configuration does with such a request, in lines for people. */
export function explained(method: string, path: string, config: Config | undefined): string {
  const admitted = admit(
    `${method} ${path} HTTP/1.1\r\nHost: docker\r\n\r\n`,
    config?.options.security ?? { minApiVersion: MIN_API_VERSION },
  )
  if (!admitted.ok) {
    const { rule, status, message } = admitted.failure
    return `refused with ${status}: ${message} (${rule})\n`
  }
  const lines = [...describeRoute(admitted.value), ...describeChains(admitted.value, config)]
  return `${lines.join('\n')}\n`
}

/** What each chain makes of the request, and by which listeners a request gets into it. */
function describeChains(request: AdmittedRequest, config: Config | undefined): string[] {
  if (config === undefined) return describeRules(request, [], config)
  const matching = (rules: readonly Rule[]) =>
    matchingRules(rules, subjectOf(request.head.method, request.route))
  const chains = new Map<readonly Rule[], string[]>()
  for (const { name, rules } of config.listeners) chains.set(rules, [...(chains.get(rules) ?? []), name])
  if (chains.size === 0 || (chains.size === 1 && chains.has(config.rules)))
    return describeRules(request, matching(config.rules), config)
  return [...chains].flatMap(([rules, names]) => [
    '',
    `listener   ${names.join(', ')}`,
    ...describeRules(request, matching(rules), config),
  ])
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
  const uses = (phase: Phase) => rules.flatMap((rule) => rule[phase].map((use) => use.adapter))
  const hooked = PHASES.some((phase) => uses(phase).length > 0)
  return [
    ...rules.map((rule) => `matches    ${rule.pattern.text}  (${rule.file}:${rule.line})`),
    ...PHASES.filter((phase) => phase === 'pre' || phase === 'post' || uses(phase).length > 0).map(
      (phase) => `${phase.padEnd(10)} ${uses(phase).join(', ') || 'none'}`,
    ),
    ...(uses('post').length > 0 ? describeUnshown(request) : []),
    ...(uses('stream').length > 0 ? describeStream(request) : []),
    hooked ? `so         hooked; ${describeBody(request)}` : 'so         relayed, bytes unchanged',
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

function describeStream({ route: { operation } }: AdmittedRequest): string[] {
  if (operation === undefined) return ['streamed   if the answer says that it is a stream of messages']
  return isFramed(operation)
    ? [
        'streamed   stream-hooks see the answer message by message, in the place of post-hooks; errors go to post-hooks',
      ]
    : ['streamed   no: the answer is not a stream of messages, so stream-hooks have no part in it']
}

function describeBody({ route, head }: AdmittedRequest): string {
  if (head.method !== 'POST' && head.method !== 'PUT') return 'there is no body'
  if (route.operation?.takes === 'json') return 'hooks are shown the body'
  if (route.operation?.takes === 'tar') return 'the body streams past the hooks'
  return 'hooks are shown a body if its type is application/json'
}

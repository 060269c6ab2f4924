/** What an adapter did with recorded exchanges, for people. */
import type { Deed, Played } from '../testkit/replay.ts'
import { stepText } from './tap-text.ts'

export function playedText({ place, hook, method, target, did }: Played): string {
  return `${place}  ${hook}  ${method} ${target}\n${deedText(did)}`
}

function deedText(did: Deed): string {
  switch (did.kind) {
    case 'unchanged':
      return '  unchanged\n'
    case 'refused':
      return `  refused with ${did.code}: ${did.message}\n`
    case 'answered':
      return `  answered with ${did.code} in the engine's place\n`
    case 'failed':
      return `  failed: ${did.problem}\n`
    case 'changed': {
      const { steps, target, code, contentType } = did
      const lines = [
        ...(target === undefined ? [] : [`target ${target}`]),
        ...(code === undefined ? [] : [`code ${code}`]),
        ...(contentType === undefined ? [] : [`content type ${contentType}`]),
        ...steps.map((step) => stepText(step, plain)),
      ]
      return lines.map((line) => `  ${line}\n`).join('')
    }
  }
}

const plain = (_style: string, text: string): string => text

export function sumOf(all: readonly Played[]): string {
  const count = (kind: Deed['kind']) => all.filter(({ did }) => did.kind === kind).length
  return [
    `${all.length} calls: ${count('unchanged')} unchanged`,
    `${count('changed')} changed`,
    `${count('refused')} refused`,
    `${count('answered')} answered`,
    `${count('failed')} failed`,
  ].join(', ')
}

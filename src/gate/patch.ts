/**
 * Patches of a JSON text: RFC 6902, a list of operations, and RFC 7396, a document that is laid over another.
 *
 * What a patch does not touch stays as it is written, and what it puts in is written as in the patch: numbers keep their
 * digits. Only objects and lists that a patch reaches into are taken apart.
 */

import type { BodyPatch } from '../model/hook.ts'
import { failed, ok, type Result } from '../model/result.ts'
import { describeFault, judgeAsWritten } from './json.ts'
import { placeOfMember, rawElements, rawMembers } from './raw-json.ts'

/** The text with the patch applied, or why it cannot be. */
export function patched(text: string, patch: BodyPatch): Result<string, string> {
  const fault = problemWith(text, 'the body')
  return fault === undefined ? patchedJudged(text, patch) : failed(fault)
}

/** The same for a text that has been judged: it is not read whole once more. */
export function patchedJudged(text: string, patch: BodyPatch): Result<string, string> {
  if (text === '') return failed('there is no body')
  const fault = problemWith(patch.text, 'the patch')
  if (fault !== undefined) return failed(fault)
  const [target, given] = [written(text), written(patch.text)]
  try {
    const changed = patch.type === 'JSONMergePatch' ? merged(target, given) : applied(target, given)
    return ok(print(changed))
  } catch (problem) {
    if (problem instanceof Misfit) return failed(problem.message)
    throw problem
  }
}

function problemWith(text: string, what: string): string | undefined {
  const read = judgeAsWritten(text)
  return read.ok ? undefined : `${what} is not acceptable: ${describeFault(read.failure)}`
}

/** A value that is still as it is written, without space around it, or one that has been taken apart. */
type Tree =
  | { kind: 'written'; readonly text: string }
  | { kind: 'object'; readonly members: Map<string, Tree> }
  | { kind: 'list'; readonly items: Tree[] }

type ObjectTree = Tree & { kind: 'object' }
type ListTree = Tree & { kind: 'list' }

/** The patch does not fit the body. Thrown only within this file, where each step could meet it. */
class Misfit extends Error {}

function written(text: string): Tree {
  return { kind: 'written', text: text.trim() }
}

/** The same value, one level taken apart if it has any. */
function opened(tree: Tree): Tree {
  if (tree.kind !== 'written') return tree
  const { text } = tree
  if (text.startsWith('{')) {
    const members = new Map<string, Tree>()
    for (const [key, value] of rawMembers(text)) members.set(key, { kind: 'written', text: value })
    return { kind: 'object', members }
  }
  if (text.startsWith('['))
    return { kind: 'list', items: rawElements(text).map((item) => ({ kind: 'written', text: item })) }
  return tree
}

function print(tree: Tree): string {
  switch (tree.kind) {
    case 'written':
      return tree.text
    case 'object': {
      let text = ''
      for (const [key, value] of tree.members)
        text += `${text === '' ? '{' : ','}${JSON.stringify(key)}:${print(value)}`
      return text === '' ? '{}' : `${text}}`
    }
    default:
      return `[${tree.items.map(print).join(',')}]`
  }
}

// RFC 7396.

function merged(target: Tree, patch: Tree): Tree {
  const laid = opened(patch)
  if (laid.kind !== 'object') return laid
  const under = opened(target)
  const members = new Map(under.kind === 'object' ? under.members : [])
  for (const [key, value] of laid.members) {
    if (isNull(value)) members.delete(key)
    else members.set(key, merged(members.get(key) ?? NOTHING, value))
  }
  return { kind: 'object', members }
}

function isNull(tree: Tree): boolean {
  return tree.kind === 'written' && tree.text === 'null'
}

const NOTHING: Tree = { kind: 'list', items: [] }

// RFC 6902.

function applied(target: Tree, patch: Tree): Tree {
  const operations = opened(patch)
  if (operations.kind !== 'list') throw new Misfit('it is not a list of operations')
  const few = operations.items.length <= FEW_OPERATIONS
  let root = target
  for (const [index, item] of operations.items.entries()) {
    const operation = opened(item)
    if (operation.kind !== 'object') throw new Misfit(`operation ${index} is not an object`)
    root = (few ? putInPlace(root, operation, index) : undefined) ?? step(root, operation, index)
  }
  return root
}

/** Each that is put into the text reads its way through it anew; for more than this many it is taken apart once. */
const FEW_OPERATIONS = 4

/**
 * What most patches do, setting a member of an object, in the text itself: a create with twenty labels gets another in a third of
 * the time that taking it apart and writing it again takes. Nothing where it is something else, or does not fit.
 */
function putInPlace(root: Tree, operation: ObjectTree, index: number): Tree | undefined {
  if (root.kind !== 'written') return undefined
  const op = textOf(operation, 'op', index)
  const value = operation.members.get('value')
  if ((op !== 'add' && op !== 'replace') || value?.kind !== 'written') return undefined
  const path = pointer(textOf(operation, 'path', index))
  const { text } = root
  let at = 0
  for (let depth = 0; depth < path.length; depth++) {
    const key = path[depth]!
    const place = placeOfMember(text, at, key)
    if (place === undefined) return undefined
    if (depth === path.length - 1) {
      if (place.kind === 'there') return put(text, place.start, place.end, value.text)
      if (op === 'replace') return undefined
      const member = `${JSON.stringify(key)}:${value.text}`
      return put(text, place.start, place.start, place.isEmpty ? member : `,${member}`)
    }
    if (place.kind !== 'there') return undefined
    at = place.start
  }
  return undefined
}

function put(text: string, start: number, end: number, given: string): Tree {
  return { kind: 'written', text: `${text.slice(0, start)}${given}${text.slice(end)}` }
}

function step(root: Tree, operation: ObjectTree, index: number): Tree {
  const op = textOf(operation, 'op', index)
  const path = pointer(textOf(operation, 'path', index))
  const value = () => {
    const given = operation.members.get('value')
    if (given === undefined) throw new Misfit(`operation ${index} has no value`)
    return given
  }
  const from = () => pointer(textOf(operation, 'from', index))
  switch (op) {
    case 'add':
      return added(root, path, value())
    case 'remove':
      return removed(root, path)
    case 'replace':
      found(root, path)
      return path.length === 0 ? value() : replaced(root, path, value())
    case 'copy':
      return added(root, path, found(root, from()))
    case 'move': {
      const source = from()
      if (source.length < path.length && source.every((key, at) => key === path[at]))
        throw new Misfit(`operation ${index} moves a value into itself`)
      const moving = found(root, source)
      return added(removed(root, source), path, moving)
    }
    case 'test':
      if (!equal(found(root, path), value()))
        throw new Misfit(`the test of ${named(path)} does not hold (operation ${index})`)
      return root
    default:
      throw new Misfit(`operation ${index} is none of add, remove, replace, move, copy, test`)
  }
}

function textOf(operation: ObjectTree, key: string, index: number): string {
  const tree = operation.members.get(key)
  if (tree?.kind !== 'written' || !tree.text.startsWith('"'))
    throw new Misfit(`operation ${index} has no ${key}`)
  return tree.text.includes('\\') ? (JSON.parse(tree.text) as string) : tree.text.slice(1, -1)
}

/** RFC 6901. */
function pointer(text: string): readonly string[] {
  if (text === '') return []
  if (!text.startsWith('/') || /~(?![01])/.test(text))
    throw new Misfit(`${JSON.stringify(text)} is no JSON Pointer`)
  const keys = text.slice(1).split('/')
  return text.includes('~') ? keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')) : keys
}

function named(path: readonly string[]): string {
  return JSON.stringify(`/${path.join('/')}`)
}

function found(root: Tree, path: readonly string[]): Tree {
  let current = root
  for (const key of path) current = child(opened(current), key, path)
  return current
}

function child(parent: Tree, key: string, path: readonly string[]): Tree {
  const there =
    parent.kind === 'object'
      ? parent.members.get(key)
      : parent.kind === 'list'
        ? parent.items[place(key, parent.items.length - 1, path)]
        : undefined
  if (there === undefined) throw new Misfit(`there is nothing at ${named(path)}`)
  return there
}

/** Digits without a leading zero, up to `last`. */
function place(key: string, last: number, path: readonly string[]): number {
  const index = /^(?:0|[1-9][0-9]{0,9})$/.test(key) ? Number(key) : Number.POSITIVE_INFINITY
  if (index > last) throw new Misfit(`there is nothing at ${named(path)}`)
  return index
}

/** A copy of what leads to the place, with `change` made there. */
function changed(
  tree: Tree,
  path: readonly string[],
  change: (parent: ObjectTree | ListTree, key: string) => void,
  depth = 0,
): Tree {
  const parent = opened(tree)
  if (parent.kind === 'written') throw new Misfit(`there is nothing at ${named(path)}`)
  const copy = parent === tree ? copyOf(parent) : parent
  const key = path[depth]!
  if (depth === path.length - 1) {
    change(copy, key)
    return copy
  }
  const next = changed(child(copy, key, path), path, change, depth + 1)
  if (copy.kind === 'object') copy.members.set(key, next)
  else copy.items[Number(key)] = next
  return copy
}

function copyOf(parent: ObjectTree | ListTree): ObjectTree | ListTree {
  return parent.kind === 'object'
    ? { kind: 'object', members: new Map(parent.members) }
    : { kind: 'list', items: [...parent.items] }
}

function added(root: Tree, path: readonly string[], value: Tree): Tree {
  if (path.length === 0) return value
  return changed(root, path, (parent, key) => {
    if (parent.kind === 'object') parent.members.set(key, value)
    else
      parent.items.splice(key === '-' ? parent.items.length : place(key, parent.items.length, path), 0, value)
  })
}

/** What is replaced is there. A member stays where it stands. */
function replaced(root: Tree, path: readonly string[], value: Tree): Tree {
  return changed(root, path, (parent, key) => {
    if (parent.kind === 'object') parent.members.set(key, value)
    else parent.items[Number(key)] = value
  })
}

function removed(root: Tree, path: readonly string[]): Tree {
  if (path.length === 0) throw new Misfit('the whole body cannot be removed')
  return changed(root, path, (parent, key) => {
    child(parent, key, path)
    if (parent.kind === 'object') parent.members.delete(key)
    else parent.items.splice(Number(key), 1)
  })
}

/** As JSON values: order of keys, spacing and the way that a number is written are no difference. */
function equal(left: Tree, right: Tree): boolean {
  const [one, other] = [opened(left), opened(right)]
  if (one.kind === 'object')
    return (
      other.kind === 'object' &&
      one.members.size === other.members.size &&
      [...one.members].every(([key, value]) => {
        const counterpart = other.members.get(key)
        return counterpart !== undefined && equal(value, counterpart)
      })
    )
  if (one.kind === 'list')
    return (
      other.kind === 'list' &&
      one.items.length === other.items.length &&
      one.items.every((item, at) => equal(item, other.items[at]!))
    )
  if (one.kind !== 'written' || other.kind !== 'written') return false
  if (one.text === other.text) return true
  if (isNumber(one.text)) return isNumber(other.text) && sameNumber(one.text, other.text)
  return (
    one.text.startsWith('"') && other.text.startsWith('"') && JSON.parse(one.text) === JSON.parse(other.text)
  )
}

function isNumber(text: string): boolean {
  return /^[-0-9]/.test(text)
}

/** Large integers are compared by their digits: as doubles, 2^53 and its neighbour are one number. */
function sameNumber(one: string, other: string): boolean {
  if (INTEGER.test(one) && INTEGER.test(other)) return BigInt(one) === BigInt(other)
  return Number(one) === Number(other)
}

const INTEGER = /^-?[0-9]+$/

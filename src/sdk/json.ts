/**
 * JSON text and values, without loss where JavaScript's own reader would lose something.
 *
 * An integer beyond 2^53 becomes a `bigint` and is written again digit for digit. Fractions become doubles, which is what
 * the engine makes of them too. Keys keep their order, but for those that look like array indexes (`"0"`, `"17"`):
 * JavaScript puts them first, in maps where order means nothing to the engine.
 */
import { parse, stringify } from 'lossless-json'

export type Json = null | boolean | number | bigint | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json | undefined
}

/** Throws a `SyntaxError` for what is not JSON. */
export function parseJson(text: string): Json {
  return NEEDS_CARE.test(text) ? (parse(text, undefined, readNumber) as Json) : (JSON.parse(text) as Json)
}

/** Throws for what JSON cannot hold: a function, `undefined`, something that contains itself. */
export function printJson(value: unknown): string {
  const text = print(value)
  if (text === undefined) throw new TypeError(`a body is a JSON value, not ${typeof value}`)
  return text
}

/** A copy that shares nothing. */
export function copyJson<T extends Json>(value: T): T {
  return (typeof value === 'object' && value !== null ? copyOf(value) : value) as T
}

/** Copied whole, and what lies deeper once more: most members are no lists or objects. */
function copyOf(value: Json[] | JsonObject): Json[] | JsonObject {
  if (Array.isArray(value)) {
    const copy = value.slice()
    for (let index = 0; index < copy.length; index++) {
      const item = copy[index]!
      if (typeof item === 'object' && item !== null) copy[index] = copyOf(item)
    }
    return copy
  }
  const copy = { ...value }
  for (const key in copy) {
    const member = copy[key]
    if (typeof member === 'object' && member !== null) copy[key] = copyOf(member)
  }
  return copy
}

/** True only where both would be written alike, but for the order of keys. `received` is what `parseJson` made. */
export function sameJson(value: unknown, received: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return value === received
  if (typeof received !== 'object' || received === null) return false
  if (Array.isArray(value) || Array.isArray(received))
    return Array.isArray(value) && Array.isArray(received) && sameItems(value, received)
  return sameMembers(value as JsonObject, received)
}

function sameItems(items: readonly unknown[], received: readonly Json[]): boolean {
  if (items.length !== received.length || 'toJSON' in items) return false
  for (let index = 0; index < items.length; index++)
    if (!sameJson(items[index], received[index])) return false
  return true
}

function sameMembers(value: JsonObject, received: JsonObject): boolean {
  // What a date and its like are written as is not what they look like.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  let more = 0
  for (const key in received) {
    const member = value[key]
    const isSame =
      typeof member === 'object'
        ? Object.hasOwn(value, key) && sameJson(member, received[key])
        : member === received[key]
    if (!isSame) return false
    more--
  }
  for (const _ in value) more++
  if (more === 0) return true
  // A key without a value is not written.
  for (const key in value) if (value[key] === undefined) more--
  return more === 0
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Integers of up to 15 digits are exact in JavaScript, exponents of up to two digits within its range. What only looks like
 * such a number, within a string, is read slowly and no worse.
 */
const NEEDS_CARE = /[0-9]{16}|[:,[\s-][0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{3}/

function readNumber(text: string): number | bigint {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new SyntaxError(`the number ${text} is too large to be read`)
  return Number.isInteger(value) && !Number.isSafeInteger(value) && INTEGER.test(text) ? BigInt(text) : value
}

const INTEGER = /^-?[0-9]+$/

function print(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    // A bigint somewhere in it. What is wrong with it for another reason fails here too.
    return stringify(value)
  }
}

/** JSON as it comes from outside: nothing is known about any value yet. */

export type JsonFields = { readonly [key: string]: unknown }

/** `undefined` where the text is not JSON. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `undefined` where the value is anything but an object, an array or `null` included. */
export function readObject(value: unknown): JsonFields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonFields)
    : undefined
}

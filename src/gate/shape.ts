/**
 * What the engine makes of the JSON it reads: where keys are names that it knows, and where they are the user's own.
 *
 * The table, `bodies.ts`, is generated and writes a shape as an expression: a name is an object with known fields, `{}` a
 * map of what follows, `[]` a list of what follows, `text[]` a list of strings that may be written as one string, nothing
 * a value that holds no names of the engine's. A `?` in front: the whole may be `null` instead.
 */
import { BODIES, QUERY_JSON, TYPES } from './bodies.ts'
import { fold } from './fold.ts'

export type Shape =
  /** A plain value, or one that nothing is known about. */
  | { readonly kind: 'any' }
  | StructShape
  | { readonly kind: 'map'; readonly values: Shape }
  | { readonly kind: 'list'; readonly items: Shape }
  | { readonly kind: 'texts' }

export interface StructShape {
  readonly kind: 'struct'
  readonly fields: ReadonlyMap<string, Field>
  /** The same by their folded spelling. */
  readonly folded: ReadonlyMap<string, Field>
  /** What fields hold that are none of these. */
  readonly others: Shape
}

export interface Field {
  /** As the engine spells it. */
  readonly name: string
  readonly folded: string
  /** It belongs into HostConfig and is read here as well (PS-LIFE-009). */
  readonly astray: boolean
  readonly shape: Shape
}

/** A whole document, and whether it may be `null` instead. */
export interface DocumentShape {
  readonly shape: Shape
  readonly nullable: boolean
}

export const ANY: Shape = { kind: 'any' }

/** Maps all the way down: nothing is known of which keys are the user's own, so only equal ones are refused. */
export const AS_WRITTEN: Shape & { kind: 'map' } = {
  kind: 'map',
  get values(): Shape {
    return AS_WRITTEN
  },
}

export const ANY_DOCUMENT: DocumentShape = { shape: ANY, nullable: true }

/** What the body of an operation holds. Any JSON where nothing is known about it. */
export function bodyShape(operation: string | undefined): DocumentShape {
  const expression = operation === undefined ? undefined : BODIES[operation]
  return expression === undefined ? ANY_DOCUMENT : documentOf(expression)
}

/** What the value of a query key of kind `json` holds. */
export function queryShape(key: string): DocumentShape {
  const expression = QUERY_JSON[key]
  return expression === undefined ? ANY_DOCUMENT : documentOf(expression)
}

const documents = new Map<string, DocumentShape>()

/** A list may always be `null`: clients send that for an empty one. */
function documentOf(expression: string): DocumentShape {
  const known = documents.get(expression)
  if (known !== undefined) return known
  const nullable = expression.startsWith('?')
  const shape = shapeOf(nullable ? expression.slice(1) : expression)
  const made = { shape, nullable: nullable || shape.kind === 'list' }
  documents.set(expression, made)
  return made
}

function shapeOf(expression: string): Shape {
  if (expression === '') return ANY
  if (expression === 'text[]') return TEXTS
  if (expression.startsWith('{}')) return { kind: 'map', values: shapeOf(expression.slice(2)) }
  if (expression.startsWith('[]')) return { kind: 'list', items: shapeOf(expression.slice(2)) }
  return structNamed(expression)
}

const TEXTS: Shape = { kind: 'texts' }
const structs = new Map<string, StructShape>()

function structNamed(name: string): StructShape {
  const known = structs.get(name)
  if (known !== undefined) return known
  const fields = new Map<string, Field>()
  const folded = new Map<string, Field>()
  const made: StructShape = { kind: 'struct', fields, folded, others: ANY }
  structs.set(name, made)
  for (const [key, expression] of Object.entries(TYPES[name]!)) {
    const astray = key.startsWith('^')
    const spelling = astray ? key.slice(1) : key
    const field = { name: spelling, folded: fold(spelling), astray, shape: shapeOf(expression) }
    fields.set(spelling, field)
    folded.set(field.folded, field)
  }
  return made
}

/** An object of somebody else's than the engine: fields that it has beside these are data. */
export function structOf(known: Readonly<Record<string, Shape>>): StructShape {
  const fields = Object.entries(known).map(([name, shape]) => ({
    name,
    folded: fold(name),
    astray: false,
    shape,
  }))
  return {
    kind: 'struct',
    fields: new Map(fields.map((field) => [field.name, field])),
    folded: new Map(fields.map((field) => [field.folded, field])),
    others: AS_WRITTEN,
  }
}

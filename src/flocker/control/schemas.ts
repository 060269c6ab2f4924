/** What bodies of the REST API have to be: Flocker's own limits. */

/** Any UUID, whatever its version says. */
const UUID = { type: 'string', pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' } as const

/** An id or a host. */
const NODE = { type: 'string', minLength: 1, maxLength: 256 } as const

/** At most 16 pairs of at most 256 characters. */
const METADATA = {
  type: 'object',
  maxProperties: 16,
  propertyNames: { maxLength: 256 },
  additionalProperties: { type: 'string', maxLength: 256 },
} as const

/** In bytes: 64 MiB at least, in whole KiB. */
const MAXIMUM_SIZE = { type: ['integer', 'null'], minimum: 64 * 1024 * 1024, multipleOf: 1024 } as const

export const CREATE_DATASET = {
  type: 'object',
  required: ['primary'],
  additionalProperties: false,
  properties: {
    primary: NODE,
    dataset_id: UUID,
    metadata: METADATA,
    maximum_size: MAXIMUM_SIZE,
    deleted: { const: false },
  },
} as const

export const MOVE_DATASET = {
  type: 'object',
  required: ['primary'],
  additionalProperties: false,
  properties: { primary: NODE },
} as const

export const ACQUIRE_LEASE = {
  type: 'object',
  required: ['dataset_id', 'node_uuid'],
  additionalProperties: false,
  properties: {
    dataset_id: UUID,
    node_uuid: NODE,
    expires: { type: ['number', 'null'], exclusiveMinimum: 0 },
    // Ours: names of containers, for people.
    used_by: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 256 } },
  },
} as const

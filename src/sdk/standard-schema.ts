/** Validators of other libraries, by the interface that they share (standardschema.dev, version 1). */

export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

export interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Turns what the configuration says under `with` into what handlers get, or throws what is wrong with it. */
export type ConfigReader<Config> = ((value: unknown) => Config) | StandardSchema<Config>

export function readConfig<Config>(reader: ConfigReader<Config> | undefined, value: unknown): Config {
  if (reader === undefined) return value as Config
  // Some libraries' schemas are functions too.
  if (!('~standard' in reader)) return reader(value)
  const result = reader['~standard'].validate(value)
  if (result instanceof Promise)
    throw new TypeError('its configuration is checked by a schema that has to wait; use one that does not')
  if (result.issues === undefined) return result.value
  throw new TypeError(result.issues.map(describeIssue).join('; ') || 'its configuration is not acceptable')
}

/** `"retries.max": must be a number`, as the SDK's own readers say it. */
function describeIssue({ message, path = [] }: StandardIssue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return keys.length === 0 ? message : `"${keys.join('.')}": ${message}`
}

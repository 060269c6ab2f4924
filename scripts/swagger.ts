/** As much of Docker's descriptions of its API as the scripts here read. */

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly allOf?: readonly Schema[]
}

export interface Swagger {
  readonly info: { readonly version: string }
  readonly definitions: Readonly<Record<string, Schema>>
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string
            readonly parameters?: readonly { readonly in: string; readonly schema?: Schema }[]
            readonly responses?: Readonly<Record<string, { readonly schema?: Schema }>>
          }
        >
      >
    >
  >
}

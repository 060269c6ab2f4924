/** An adapter of a user's own, from a module file. */
import { pathToFileURL } from 'node:url'
import { failed, ok, type Result } from '../model/result.ts'
import type { AdapterDefinition } from '../sdk/define-adapter.ts'

/** `asGiven`: how messages name it. */
export async function loadModule(file: string, asGiven: string): Promise<Result<AdapterDefinition, string>> {
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown }
    const definition = unwrap(module.default)
    if (isDefinition(definition)) return ok(definition)
    return failed(`${asGiven}: the default export is not what defineAdapter() makes`)
  } catch (problem) {
    const { code } = problem as NodeJS.ErrnoException
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION')
      return failed(
        `${asGiven}: this Node (${process.version}) does not read TypeScript; compile the file, or use Node 22.18 or newer`,
      )
    return failed(
      `${asGiven} cannot be loaded: ${problem instanceof Error ? problem.message : String(problem)}`,
    )
  }
}

/** A module that was compiled to CommonJS has its default export within the default export. */
function unwrap(exported: unknown): unknown {
  return isRecord(exported) && 'default' in exported ? exported.default : exported
}

/** By its shape: a user's file may have an SDK of its own, of another version. */
function isDefinition(value: unknown): value is AdapterDefinition {
  return isRecord(value) && typeof value.name === 'string' && typeof value.create === 'function'
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

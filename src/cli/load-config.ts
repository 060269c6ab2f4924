/** Reading the configuration for a command, with every problem told to the user. */

import type { Config } from '../config/config.ts'
import { readConfigFile } from '../config/read-file.ts'
import type { Surroundings } from './surroundings.ts'

/** `undefined`: it cannot be used, and the user has been told why. Warnings are told too. */
export async function loadConfig(file: string, around: Surroundings): Promise<Config | undefined> {
  const read = await readConfigFile(file)
  if (!read.ok) {
    around.err(read.failure.described)
    return undefined
  }
  if (read.value.warnings.length > 0) around.err(read.value.described)
  return read.value.config
}

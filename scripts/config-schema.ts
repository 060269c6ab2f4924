/**
 * Writes the JSON Schema of configuration version 2 from the words that its readers go by:
 *
 *     npx tsx scripts/config-schema.ts > schemas/config.v2.json
 */
import { configSchema } from '../src/config/schema.ts'

process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`)

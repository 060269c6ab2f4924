/** The ledger as text: how it lies in the file and in etcd. */
import { failed, ok, type Result } from '../../model/result.ts'
import { reasonOf } from '../reason.ts'
import type { Ledger } from './ledger.ts'

/** Grows when the layout changes in a way that older versions would misread. */
const FORMAT = 1

export function encodeLedger(ledger: Ledger): string {
  return `${JSON.stringify({ format: FORMAT, ...ledger })}\n`
}

export function decodeLedger(text: string): Result<Ledger, string> {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (problem) {
    return failed(`it is not JSON (${reasonOf(problem)})`)
  }
  if (typeof read !== 'object' || read === null) return failed('it is not a JSON object')
  const { format, ...ledger } = read as { readonly format?: unknown } & Ledger
  if (format !== FORMAT)
    return failed(
      `its format is ${JSON.stringify(format)}; this version of powerstrip reads format ${FORMAT}`,
    )
  if (
    typeof ledger.configuration !== 'number' ||
    typeof ledger.nodes !== 'object' ||
    typeof ledger.datasets !== 'object'
  )
    return failed('it is JSON, but no ledger of flocker-control')
  return ok(ledger)
}

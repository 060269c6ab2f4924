/** Why the ledger was not changed: a status of the REST API and a sentence for the person who asked. */
export interface LedgerRefusal {
  readonly status: 400 | 404 | 405 | 409 | 412
  readonly description: string
}

export function refusal(status: LedgerRefusal['status'], description: string): LedgerRefusal {
  return { status, description }
}

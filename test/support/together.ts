type Works<Results extends readonly unknown[]> = { readonly [At in keyof Results]: Promise<Results[At]> }

/**
 * As `Promise.all`, but comes back only when all have ended, even where one fails: what still goes on behind a failed
 * set-up is in the way of the tear-down, and of the next test.
 */
export async function together<Results extends readonly unknown[]>(works: Works<Results>): Promise<Results> {
  const ends = await Promise.allSettled(works)
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value) as unknown as Results
}

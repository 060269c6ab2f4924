/** What a right answer is. */
import { Client, request, type Where } from './client/client.ts'

export async function mustPing(where: Where, signal: AbortSignal): Promise<void> {
  using client = new Client(where, { signal })
  const body: Buffer[] = []
  const answer = await client.ask(request('GET', '/_ping'), (part) => body.push(Buffer.from(part)))
  const text = Buffer.concat(body).toString()
  if (answer.status !== 200 || text !== 'OK')
    throw new Error(`/_ping answers ${answer.status} ${JSON.stringify(text)}`)
  // Clients agree on a version by this field.
  if (!/^api-version: /im.test(answer.head)) throw new Error(`/_ping has no Api-Version:\n${answer.head}`)
}

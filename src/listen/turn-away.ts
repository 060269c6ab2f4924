import { errorAnswer } from '../http1/answer.ts'
import type { Refusal } from '../model/refusal.ts'
import { lingeringClose } from '../plane/linger.ts'
import type { Link } from '../plane/link.ts'
import { RequestSource } from '../plane/request-source.ts'

/**
 * Answers the first request with the refusal, whatever it asks, and ends the connection. Not before a request is there: an
 * answer that comes first is taken for a broken server by most clients, who then do not show it.
 */
export function turnAway(link: Link, why: Refusal, patienceMs: number): void {
  const close = () => {
    clearTimeout(timer)
    void lingeringClose(link)
  }
  const answer = ({ status, message, rule }: Refusal, method?: string) => {
    link.write(errorAnswer(status, `${message} (${rule})`, method))
    close()
  }
  // Who is not let in may not wait for ever either.
  const timer = setTimeout(() => link.destroy(), patienceMs)
  const source = new RequestSource(
    link,
    {
      head: (head) => answer(why, head.toString('latin1', 0, 5) === 'HEAD ' ? 'HEAD' : undefined),
      refused: (refused) => answer(refused),
      gone: close,
    },
    patienceMs,
  )
  source.await()
}

import type { HookFailure } from '../model/hook.ts'
import { failed, type Result } from '../model/result.ts'
import { isLater, type Soon } from '../model/soon.ts'
import { Stop, type StopSignal } from '../model/stop.ts'

/** The longest time that a timer of Node's can run; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * One call, which ends when `call` does, when its time is up or when the client leaves (`signal`), whichever is first.
 * In the last two cases `call` is told to stop, and what it gives or throws afterwards is not looked at. One that has ended
 * when it gives back control was not waited for, however long it took.
 */
export function withinDeadline<T>(
  deadlineMs: number,
  signal: StopSignal,
  call: (stop: StopSignal) => Soon<Result<T, HookFailure>>,
): Soon<Result<T, HookFailure>> {
  if (signal.aborted) return failed({ kind: 'aborted' })
  const stop = new Stop()
  const called = call(stop)
  if (!isLater(called)) return called
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    }
    const giveUp = (failure: HookFailure) => {
      settle()
      resolve(failed(failure))
      stop.abort()
    }
    const leave = () => giveUp({ kind: 'aborted' })
    const expire = () => giveUp({ kind: 'deadline', deadlineMs })
    const timer = setTimeout(expire, inListThatStays(Math.min(deadlineMs, LONGEST_TIMER_MS)))
    signal.addEventListener('abort', leave)
    called.then(
      (end) => {
        settle()
        resolve(end)
      },
      (bug) => {
        settle()
        reject(bug)
      },
    )
  })
}

/**
 * Node keeps a list of timers for each duration, and takes it down when the last of them has gone: with one call at a time that is
 * twice for each call, and dearer than all else about a timer. A timer that does nothing keeps the list for as long as it runs.
 */
function inListThatStays(ms: number): number {
  if (!staying.has(ms) && staying.size < STAYING_LISTS) {
    staying.add(ms)
    setTimeout(() => staying.delete(ms), ms).unref()
  }
  return ms
}

const staying = new Set<number>()

/** Most configurations have one deadline or two. What is left of a chain's time is another number for each call. */
const STAYING_LISTS = 8

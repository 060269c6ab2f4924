import type { BodyLimits } from './config.ts'
import type { Problems } from './problem.ts'
import { formatSize } from './size.ts'
import type { Entry } from './tree.ts'
import { readMap, readSize, refuseUnknownKey } from './values.ts'

const MIB = 1024 ** 2

/**
 * The request limit is the one that the engine has for its own authorization plugins (moby, `pkg/authorization/authz.go`,
 * `maxBodySize`). Answers are larger: a host with a thousand containers lists them in some 2 MiB. A reply may carry such
 * an answer back as text inside JSON, where quotes and line ends take two bytes instead of one, and more.
 */
const DEFAULT_LIMITS: BodyLimits = {
  requestBodyBytes: 4 * MIB,
  responseBodyBytes: 8 * MIB,
  adapterReplyBytes: 32 * MIB,
}

/**
 * A body travels as one string inside a JSON message, where a byte becomes at most six characters (`\u0001`), and V8
 * ends a string at 512 MiB. 64 MiB is the largest power of two whose worst case still fits.
 */
export const LARGEST_BODY_BYTES = 64 * MIB

/** A reply is read into one string, too, and is not escaped again. */
const LARGEST_REPLY_BYTES = 256 * MIB

const KEYS = ['requestBody', 'responseBody', 'adapterReply'] as const

/** Reads `limits:`, which may be absent. */
export function readLimits(sections: readonly Entry[], problems: Problems): BodyLimits {
  let { requestBodyBytes, responseBodyBytes, adapterReplyBytes } = DEFAULT_LIMITS
  for (const section of sections) {
    for (const entry of readMap(section, problems)?.entries ?? []) {
      switch (entry.key) {
        case 'requestBody':
          requestBodyBytes = readSize(entry, requestBodyBytes, LARGEST_BODY_BYTES, problems)
          break
        case 'responseBody':
          responseBodyBytes = readSize(entry, responseBodyBytes, LARGEST_BODY_BYTES, problems)
          break
        case 'adapterReply':
          adapterReplyBytes = readSize(entry, adapterReplyBytes, LARGEST_REPLY_BYTES, problems)
          break
        default:
          refuseUnknownKey(entry, KEYS, problems)
      }
    }
    const largestShown = Math.max(requestBodyBytes, responseBodyBytes)
    if (adapterReplyBytes < largestShown) {
      const message = `a body of ${formatSize(largestShown)} may be shown to an adapter, which cannot send it back in a reply of at most ${formatSize(adapterReplyBytes)}`
      problems.warn('limit-out-of-reach', section.keyAt, message)
    }
  }
  return { requestBodyBytes, responseBodyBytes, adapterReplyBytes }
}

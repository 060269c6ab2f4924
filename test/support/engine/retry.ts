/**
 * Engine tests may be tried again, loudly: every failed try is printed. Both engines lose the last output of a container now and
 * then by themselves, seen with clients connected directly; a fault of the proxy fails every time.
 */
jest.retryTimes(2, { logErrorsBeforeRetry: true })

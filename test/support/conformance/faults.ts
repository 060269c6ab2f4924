/** Adapters with one fault each, and the check that has to find it. */
import { type Fault, type Message, ok, type Reply, refuse } from './by-hand.ts'

/** In Python, of protocol 1: names of `old.py`. */
export const OLD_FAULTS: readonly (readonly [id: string, fault: string])[] = [
  ['PS1-CORE-01', 'body_as_object'],
  ['PS1-CORE-02', 'code_as_text'],
  ['PS1-CORE-03', 'null_body'],
  ['PS1-CORE-04', 'expects_id'],
  ['PS1-CORE-05', 'loses_query'],
  ['PS1-CORE-05', 'own_path'],
  ['PS1-CORE-06', 'one_read'],
  ['PS1-ROB-01', 'strict'],
  ['PS1-ROB-02', 'latin_1'],
  ['PS1-ROB-02', 'counts_characters'],
  ['PS1-ROB-03', 'small_limit'],
  ['PS1-ROB-04', 'one_place'],
  ['PS1-ROB-04', 'ten_at_a_time'],
  ['PS1-ROB-06', 'reads_empty_answer'],
  // Last: nothing is there after it.
  ['PS1-ROB-05', 'dies_of_unknown_type'],
]

export interface SeededFault {
  readonly id: string
  readonly what: string
  readonly fault: Fault
  /** The kit has to be told a secret. */
  readonly auth?: 'bearer' | 'hmac'
}

/** Where the good one refuses, changes or answers, something else is said. */
const instead = (test: (call: Message) => boolean, say: (call: Message, good: Reply) => Reply): Fault => ({
  answer: (call, good) => (test(call) ? say(call, good()) : good()),
})

const isCreate = (call: Message) => call.Type === 'pre-hook' && call.Operation === 'ContainerCreate'
const refused = ({ body }: Reply) => body?.Allowed === false
const patched = ({ body }: Reply) => body?.Patch !== undefined

const rewrites = (change: (reply: Reply, call: Message) => Reply): Fault => ({
  answer: (call, good) => change(good(), call),
})

/** Another body, in whole. */
const withBody = (make: (body: Message) => Message): Fault =>
  rewrites((reply, call) =>
    patched(reply) ? ok(call, { ModifiedClientRequest: { Body: make(call.ClientRequest.Body) } }) : reply,
  )

/** Dead from the moment that `test` holds on. */
function dies(test: (text: string) => boolean): Fault {
  let dead = false
  return {
    drops(_request, text) {
      dead ||= text !== undefined && test(text)
      return dead
    },
  }
}

let counter = 0

export const FAULTS: readonly SeededFault[] = [
  {
    id: 'PS2-HSK-01',
    what: 'answers OPTIONS as application/json',
    fault: { optionsType: 'application/json' },
  },
  { id: 'PS2-HSK-02', what: 'has no Name', fault: { abilities: { Name: undefined } } },
  {
    id: 'PS2-HSK-02',
    what: 'names an operation that there is not',
    fault: { abilities: { Operations: ['CreateContainer'] } },
  },
  { id: 'PS2-HSK-03', what: 'names protocol 1 only', fault: { abilities: { ProtocolVersions: [1] } } },
  {
    id: 'PS2-HSK-03',
    what: 'says that it speaks 1, and does not',
    fault: { abilities: { ProtocolVersions: [2, 1] } },
  },
  {
    id: 'PS2-HSK-04',
    what: 'says yes to every hook type',
    fault: { answer: (call, good) => (good().status === 400 ? { status: 204 } : ok(call, {})) },
  },
  {
    id: 'PS2-HSK-04',
    what: 'answers hooks that it has not declared',
    fault: { abilities: { Implements: ['pre-hook'] } },
  },
  {
    id: 'PS2-DEC-01',
    what: 'answers 200 without a body',
    fault: rewrites((reply) => (reply.status === 204 ? { status: 200 } : reply)),
  },
  {
    id: 'PS2-DEC-01',
    what: 'patches in a validate-hook',
    fault: instead(
      (call) => call.Type === 'validate-hook',
      (call) => ok(call, { Patch: [], PatchType: 'JSONPatch' }),
    ),
  },
  {
    id: 'PS2-DEC-02',
    what: 'refuses with the status 403',
    fault: rewrites((reply) => (refused(reply) ? { status: 403, body: { message: 'no' } } : reply)),
  },
  {
    id: 'PS2-DEC-02',
    what: 'refuses without saying why',
    fault: rewrites((reply, call) => (refused(reply) ? ok(call, { Allowed: false }) : reply)),
  },
  {
    id: 'PS2-DEC-03',
    what: 'refuses with the code 200',
    fault: rewrites((reply, call) =>
      refused(reply) ? ok(call, { Allowed: false, Status: { Code: 200, Message: 'no' } }) : reply,
    ),
  },
  {
    id: 'PS2-DEC-03',
    what: 'answers in the place of the engine with the code 999',
    fault: instead(isCreate, (call) => ok(call, { ImmediateResponse: { Code: 999, Body: {} } })),
  },
  {
    id: 'PS2-DEC-04',
    what: 'always returns the first Uid',
    fault: (() => {
      let first: string | undefined
      return rewrites((reply, call) => {
        first ??= call.Uid
        return reply.body?.Uid === undefined ? reply : { ...reply, body: { ...reply.body, Uid: first } }
      })
    })(),
  },
  {
    id: 'PS2-MUT-01',
    what: 'patches below what is not there',
    fault: rewrites((reply, call) =>
      patched(reply)
        ? ok(call, {
            PatchType: 'JSONPatch',
            Patch: [{ op: 'add', path: '/HostConfig/Ulimits/0', value: {} }],
          })
        : reply,
    ),
  },
  {
    id: 'PS2-MUT-01',
    what: 'replaces what need not be there',
    fault: rewrites((reply, call) =>
      patched(reply)
        ? ok(call, { PatchType: 'JSONPatch', Patch: [{ op: 'replace', path: '/Labels/owner', value: 'x' }] })
        : reply,
    ),
  },
  {
    id: 'PS2-MUT-02',
    what: 'makes a text of a list',
    fault: withBody((body) => ({ ...body, HostConfig: { ...body.HostConfig, Binds: '/data:/data' } })),
  },
  {
    id: 'PS2-MUT-02',
    what: 'misspells a field',
    fault: withBody((body) => ({ ...body, Lables: { owner: 'infra' } })),
  },
  {
    id: 'PS2-MUT-02',
    what: 'adds a field in another case',
    fault: withBody((body) => ({ ...body, Labels: {}, labels: { owner: 'infra' } })),
  },
  {
    id: 'PS2-MUT-03',
    what: 'writes a counter into the body',
    fault: rewrites((reply, call) =>
      patched(reply)
        ? ok(call, { PatchType: 'JSONMergePatch', Patch: { Labels: { number: String(counter++) } } })
        : reply,
    ),
  },
  {
    id: 'PS2-MUT-04',
    what: 'sets Content-Length',
    fault: rewrites((reply, call) =>
      patched(reply) ? ok(call, { HeaderMutation: { SetHeaders: { 'Content-Length': '5' } } }) : reply,
    ),
  },
  {
    id: 'PS2-MUT-05',
    what: 'reads numbers as doubles and returns the body whole',
    fault: withBody((body) => ({ ...body, Labels: { ...body.Labels, owner: 'infra' } })),
  },
  {
    id: 'PS2-UNW-01',
    what: 'reserves and does not undo',
    fault: { abilities: { Implements: ['pre-hook', 'validate-hook'] } },
  },
  {
    id: 'PS2-UNW-01',
    what: 'fails to undo',
    fault: instead(
      (call) => call.Type === 'unwind-hook',
      () => ({ status: 500, body: { message: 'KeyError' } }),
    ),
  },
  {
    id: 'PS2-UNW-02',
    what: 'undoes only once',
    fault: (() => {
      const undone = new Set<string>()
      return instead(
        (call) => call.Type === 'unwind-hook' && (undone.has(call.Uid) || !undone.add(call.Uid)),
        () => ({ status: 409, body: { message: 'undone already' } }),
      )
    })(),
  },
  {
    id: 'PS2-UNW-03',
    what: 'knows only what it has seen',
    fault: instead(
      (call) => call.Type === 'unwind-hook' && call.Metadata === undefined,
      () => ({ status: 500, body: { message: 'no such lease' } }),
    ),
  },
  {
    id: 'PS2-UNW-04',
    what: 'changes a body while it undoes',
    fault: instead(
      (call) => call.Type === 'unwind-hook',
      (call) => ok(call, { ModifiedServerResponse: { Body: '{}' } }),
    ),
  },
  {
    id: 'PS2-DLN-01',
    what: 'takes longer than TimeoutMs',
    fault: {
      answer: async (call, good) => {
        if (call.TimeoutMs <= 1_000) await new Promise((resolve) => setTimeout(resolve, call.TimeoutMs + 50))
        return good()
      },
    },
  },
  {
    id: 'PS2-DLN-02',
    what: 'ends when a caller hangs up',
    fault: (() => {
      let dead = false
      return {
        drops(_request, text) {
          dead ||= text === undefined
          return dead
        },
      } satisfies Fault
    })(),
  },
  {
    id: 'PS2-LIM-01',
    what: 'ends when a body is too large',
    fault: dies((text) => text.length > 5 * 1024 * 1024),
  },
  {
    id: 'PS2-LIM-01',
    what: 'looks into a body that is not shown',
    fault: instead(isCreate, (call, good) =>
      call.ClientRequest.Body.Image === undefined ? { status: 204 } : good,
    ),
  },
  {
    id: 'PS2-LIM-02',
    what: 'has a limit of 1 MiB that it does not tell',
    fault: {
      answer: (_call, good, text) =>
        text.length > 1024 * 1024 ? { status: 413, body: { message: 'too large' } } : good(),
    },
  },
  {
    id: 'PS2-HOS-01',
    what: 'ends over a key in another case',
    fault: dies((text) => text.includes('"hostConfig"')),
  },
  {
    id: 'PS2-HOS-02',
    what: 'merges what came into its defaults',
    fault: (() => {
      // As a merge without care would have it, kept within this adapter.
      const prototype: Message = {}
      return {
        answer: (call, good) => {
          if (isCreate(call)) pollute(prototype, call.ClientRequest.Body)
          return isCreate(call) && prototype.Privileged === true ? refuse(call, 'privileged') : good()
        },
      } satisfies Fault
    })(),
  },
  {
    id: 'PS2-HOS-03',
    what: 'bears 32 levels',
    fault: { answer: (_call, good, text) => (text.includes('['.repeat(40)) ? { status: 500 } : good()) },
  },
  {
    id: 'PS2-HOS-03',
    what: 'ends over deep nesting',
    fault: dies((text) => text.includes('['.repeat(5_000))),
  },
  {
    id: 'PS2-HOS-04',
    what: 'has 64 bits for a number',
    fault: {
      answer: (_call, good, text) => (text.includes('18446744073709551616') ? { status: 500 } : good()),
    },
  },
  {
    id: 'PS2-IDM-01',
    what: 'takes a repetition for a conflict',
    fault: instead(
      (call) => call.Attempt > 1,
      (call) => refuse(call, 'this was asked before'),
    ),
  },
  {
    id: 'PS2-IDM-02',
    what: 'fails over a Uid that it has begun',
    fault: (() => {
      const begun = new Set<string>()
      return instead(
        (call) => isCreate(call) && (begun.has(call.Uid) || !begun.add(call.Uid)),
        () => ({ status: 409, body: { message: 'in progress' } }),
      )
    })(),
  },
  {
    id: 'PS2-DRY-01',
    what: 'refuses dry runs',
    fault: instead(
      (call) => call.DryRun,
      (call) => refuse(call, 'no dry runs'),
    ),
  },
  {
    id: 'PS2-DRY-02',
    what: 'reserves in a dry run',
    fault: instead(
      (call) => isCreate(call) && call.DryRun,
      (call) => ok(call, { Compensate: true }),
    ),
  },
  {
    id: 'PS2-STR-01',
    what: 'has nothing for the end of a stream',
    fault: instead(
      (call) => call.Part === 'close',
      () => ({ status: 500 }),
    ),
  },
  {
    id: 'PS2-STR-01',
    what: 'counts events over the whole stream',
    fault: instead(
      (call) => call.Part === 'data',
      (call) => ok(call, { Events: [{ Index: 100, Action: 'drop' }] }),
    ),
  },
  {
    id: 'PS2-STR-02',
    what: 'expects an Actor of every event',
    fault: instead(
      (call) => call.Part === 'data' && call.Events.some((event: Message) => event.Actor === undefined),
      () => ({ status: 500 }),
    ),
  },
  { id: 'PS2-AUT-01', what: 'takes calls without a token', auth: 'bearer', fault: {} },
  {
    id: 'PS2-AUT-02',
    what: 'looks only whether there is a token',
    auth: 'bearer',
    fault: { drops: (request) => request.headers.authorization === undefined },
  },
  {
    id: 'PS2-AUT-03',
    what: 'does not sign its replies',
    auth: 'hmac',
    fault: { key: 'whisper', unsigned: true },
  },
  {
    id: 'PS2-AUT-04',
    what: 'takes signatures of any age',
    auth: 'hmac',
    fault: { key: 'whisper', toleranceMs: Number.POSITIVE_INFINITY },
  },
]

function pollute(prototype: Message, from: Message): void {
  for (const key of Object.keys(from ?? {})) {
    const value = from[key]
    if (key === '__proto__') Object.assign(prototype, value)
    else if (typeof value === 'object' && value !== null) pollute(prototype, value)
  }
}

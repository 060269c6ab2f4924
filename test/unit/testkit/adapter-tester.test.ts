/** AdapterTester: a good adapter passes its table, and each way to be wrong fails the case that shows it. */
import { type AdapterDefinition, type AdapterSpec, defineAdapter, options, text } from 'powerstrip/sdk'
import { AdapterTester, type Cases, type TesterTerms } from 'powerstrip/testkit'

interface Config {
  readonly owner: string
}

const good = defineAdapter<Config>({
  name: 'owner-label',
  config: options({ owner: text() }),
  pre: {
    ContainerCreate(ctx) {
      if (ctx.body.Image === 'cached') return ctx.respond(201, { Id: 'abc', Warnings: [] })
      if (ctx.body.Image === 'plain') return
      ctx.body.Labels = { ...ctx.body.Labels, owner: ctx.config.owner }
      ctx.compensate()
      ctx.metadata.lease = ctx.uid
      return
    },
  },
  validate: {
    ContainerCreate: (ctx) =>
      ctx.body.HostConfig?.Privileged ? ctx.deny('privileged containers are not allowed') : undefined,
  },
  post: {
    ContainerCreate(ctx) {
      if (ctx.response.code === 201) ctx.body.Warnings = [...(ctx.body.Warnings ?? []), 'labelled']
    },
  },
  unwind: { ContainerCreate: () => {} },
})

new AdapterTester(good, { with: { owner: 'x' } }).run('ContainerCreate', {
  unchanged: [
    { name: 'what is plain', body: { Image: 'plain' } },
    { name: 'an error of the engine', response: { code: 404, body: { message: 'no such image' } } },
  ],
  mutates: [
    {
      body: { Image: 'nginx' },
      output: { Image: 'nginx', Labels: { owner: 'x' } },
      patch: [{ op: 'add', path: '/Labels', value: { owner: 'x' } }],
    },
    {
      name: 'a number beyond 2^53',
      body: { Image: 'nginx', HostConfig: { Memory: 9007199254740993n } },
      output: { Image: 'nginx', HostConfig: { Memory: 9007199254740993n }, Labels: { owner: 'x' } },
    },
    {
      name: 'an answer',
      response: { code: 201, body: { Id: 'abc', Warnings: [] } },
      output: { Id: 'abc', Warnings: ['labelled'] },
      reentrant: false,
    },
  ],
  denies: [{ body: { Image: 'nginx', HostConfig: { Privileged: true } }, code: 403, message: /privileged/ }],
  responds: [{ body: { Image: 'cached' }, code: 201, output: { Id: 'abc', Warnings: [] } }],
  unwinds: [{ body: { Image: 'nginx' }, times: 3 }],
})

type Spec = Partial<AdapterSpec<unknown>>

/** Runs a table, and gives what each test of it said. */
async function outcomesOf(
  definition: AdapterDefinition,
  cases: Cases,
  terms: TesterTerms = {},
): Promise<Record<string, string>> {
  const tests = new Map<string, () => Promise<void>>()
  new AdapterTester(definition, {
    deadlineMs: 200,
    ...terms,
    describe: (_name, define) => define(),
    it: (name, run) => tests.set(name, run),
  }).run('ContainerCreate', cases)
  const said: Record<string, string> = {}
  for (const [name, run] of tests)
    said[name] = await run().then(
      () => 'passed',
      (problem: Error) => problem.message,
    )
  return said
}

const adapter = (spec: Spec) => defineAdapter({ name: 'faulty', ...spec })
const create = (handle: NonNullable<NonNullable<Spec['pre']>['ContainerCreate']>): Spec => ({
  pre: { ContainerCreate: handle },
})
const body = { Image: 'nginx' }
const label = create((ctx) => {
  ctx.body.Labels = { owner: 'x' }
})
const labelled = { Image: 'nginx', Labels: { owner: 'x' } }

test.each<[what: string, spec: Spec, cases: Cases, said: RegExp]>([
  [
    'it changes what it was to leave alone',
    label,
    { unchanged: [{ body }] },
    /to leave this alone, and changed it: .*Labels/,
  ],
  [
    'it leaves alone what it was to change',
    create(() => {}),
    { mutates: [{ body, output: labelled }] },
    /to change this, and left it/,
  ],
  [
    'it makes another body',
    label,
    { mutates: [{ body, output: { Image: 'nginx' } }] },
    /the body is not as it should be\n +came: .*owner.*\n +expected: \{"Image":"nginx"\}/,
  ],
  [
    'it makes it by another patch',
    label,
    { mutates: [{ body, output: labelled, patch: [] }] },
    /the patch is not as it should be/,
  ],
  [
    'a mutation has no output',
    label,
    { mutates: [{ body, output: undefined }] },
    /has an output: the whole body/,
  ],
  [
    'it changes its own output again',
    create((ctx) => {
      ctx.body.Env = [...(ctx.body.Env ?? []), 'A=1']
    }),
    { mutates: [{ body, output: { Image: 'nginx', Env: ['A=1'] } }] },
    /shown its own output, it changes it again, to .*"A=1","A=1".*reentrant: false/,
  ],
  [
    'it refuses its own output',
    create((ctx) => {
      if (ctx.body.Labels !== undefined) return ctx.deny('no labels')
      ctx.body.Labels = { owner: 'x' }
      return
    }),
    { mutates: [{ body, output: labelled }] },
    /shown its own output, it refused it: 403 no labels/,
  ],
  [
    'it lets through what it was to refuse',
    create(() => {}),
    { denies: [{ body }] },
    /to refuse this, and left it/,
  ],
  [
    'it refuses with another code',
    create((ctx) => ctx.deny('no', { code: 409 })),
    { denies: [{ body, code: 403 }] },
    /the code is not as it should be\n +came: +409\n +expected: 403/,
  ],
  [
    'it refuses in other words',
    create((ctx) => ctx.deny('no')),
    { denies: [{ body, message: /privileged/ }] },
    /refuses with "no", not with/,
  ],
  ['it refuses without a word', create((ctx) => ctx.deny('')), { denies: [{ body }] }, /without a message/],
  [
    'it does not answer itself',
    create(() => {}),
    { responds: [{ body, code: 200 }] },
    /to answer this itself, and left it/,
  ],
  [
    'it answers something else',
    create((ctx) => ctx.respond(200, { a: 1 })),
    { responds: [{ body, output: { a: 2 } }] },
    /the body is not as it should be/,
  ],
  [
    'it reserves nothing',
    { ...label, unwind: { '*': () => {} } },
    { unwinds: [{ body }] },
    /call ctx.compensate\(\)/,
  ],
  ['it undoes nothing', create((ctx) => ctx.compensate()), { unwinds: [{ body }] }, /has no handler for it/],
  [
    'it undoes only once',
    (() => {
      const undone = new Set<string>()
      return {
        ...create((ctx) => ctx.compensate()),
        unwind: {
          ContainerCreate(ctx) {
            if (undone.has(ctx.uid)) throw new Error('undone already')
            undone.add(ctx.uid)
          },
        },
      } satisfies Spec
    })(),
    { unwinds: [{ body }] },
    /undone already/,
  ],
  [
    'it knows only calls that came',
    {
      ...create((ctx) => {
        ctx.compensate()
        ctx.metadata.lease = 'l'
      }),
      unwind: { ContainerCreate: (ctx) => void (ctx.metadata.lease as string).length },
    },
    { unwinds: [{ body }] },
    /undefined/,
  ],
  [
    'it takes too long',
    create(() => new Promise(() => {})),
    { unchanged: [{ body }] },
    /did not answer the pre-hook within 200 ms/,
  ],
  ['it throws', create(() => Promise.reject(new Error('KeyError'))), { unchanged: [{ body }] }, /KeyError/],
  [
    'its patch does not fit',
    create((ctx) => ctx.patch([{ op: 'replace', path: '/None/of/it', value: 1 }])),
    { mutates: [{ body, output: labelled }] },
    /patch/,
  ],
  [
    'it makes a body that no proxy takes',
    create((ctx) => {
      ;(ctx.body as Record<string, unknown>).hostConfig = {}
      ctx.body.HostConfig = {}
    }),
    { mutates: [{ body, output: { Image: 'nginx', HostConfig: {}, hostConfig: {} } }] },
    /the body that it made is not acceptable: .*HostConfig/i,
  ],
  [
    'it sets what no hook may',
    create((ctx) => ctx.setHeader('Content-Length', '5')),
    { mutates: [{ body, output: body }] },
    /content-length/i,
  ],
])('%s', async (_what, spec, cases, said) => {
  const all = await outcomesOf(adapter(spec), cases)
  const { 'has no case twice': twice, ...rest } = all
  expect(twice).toBe('passed')
  expect(Object.values(rest)).toEqual([expect.stringMatching(said)])
})

test.each<[what: string, cases: Cases, said: string]>([
  [
    'twice in a list',
    { unchanged: [{ body }, { name: 'another name', body }] },
    'unchanged[1] is the same case as unchanged[0]',
  ],
  [
    'in another order of keys, in another list',
    { unchanged: [{ body: { a: 1, b: 2 } }], denies: [{ body: { b: 2, a: 1 } }] },
    'denies[0] is the same case as unchanged[0]',
  ],
])('the same case %s is told', async (_what, cases, said) => {
  const all = await outcomesOf(adapter(create(() => {})), cases)
  expect(all['has no case twice']).toBe(said)
})

test('what differs in anything but its name is no repetition, and what is undone may be changed too', async () => {
  const all = await outcomesOf(adapter(create(() => {})), {
    unchanged: [{ body }, { body, query: { name: 'a' } }, { body, response: { code: 201 } }],
    unwinds: [{ body }],
  })
  expect(all['has no case twice']).toBe('passed')
})

test('an adapter that does not like its configuration fails each case', async () => {
  const all = await outcomesOf(good, { unchanged: [{ body }] }, { with: {} })
  expect(all['leaves alone case 1']).toContain('"owner": is missing')
})

test('where a runner has no globals, they must be handed in', () => {
  const { describe: one, it: other } = globalThis
  Object.assign(globalThis, { describe: undefined, it: undefined })
  try {
    expect(() => new AdapterTester(good).run('ContainerCreate', {})).toThrow(
      'hand in those of your test runner',
    )
  } finally {
    Object.assign(globalThis, { describe: one, it: other })
  }
})

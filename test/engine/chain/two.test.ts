/** What adapters of protocol 2 warn of and refuse is told by an unmodified docker, with the adapter's name. */
import { ALONE } from '../../support/clients/index.ts'
import { describeEachEngine, docker } from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { type Behaviour, startTwo } from '../../support/two/adapter.ts'

function config(sockets: Readonly<Record<string, string>>, lists: object): string {
  const adapters = Object.entries(sockets).map(([name, unix]) => [name, { unix, protocol: 2 }])
  return JSON.stringify({
    version: 2,
    adapters: Object.fromEntries(adapters),
    endpoints: { ContainerCreate: lists },
  })
}

describeEachEngine('docker beside adapters of protocol 2', (engine) => {
  const named = (what: string) => `two-${what}-${process.pid}-${Date.now().toString(36)}`
  const create = async (host: string, name: string) => {
    const ended = await docker(host, ['create', '--name', name, ...ALONE, 'busybox', 'true'])
    await docker(engine().host, ['rm', '--force', name])
    return ended
  }

  test('prints a warning, and goes on', async () => {
    const does: Behaviour = () => ({ Warnings: ['the image tag is mutable'] })
    await using adapter = await startTwo('policy', { does })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: config({ policy: adapter.socket }, { validate: ['policy'] }),
    })
    const { exitCode, stdout, stderr } = await create(powerstrip.unix, named('warned'))
    expect([exitCode, stderr.trim()]).toEqual([0, 'WARNING: adapter "policy": the image tag is mutable'])
    expect(stdout.trim()).toMatch(/^[0-9a-f]{64}$/)
  })

  test('prints a refusal, and what was reserved before it is undone', async () => {
    await using lease = await startTwo('lease', {
      does: ({ type }) => (type === 'pre-hook' ? { Compensate: true, Metadata: { lease: 7 } } : undefined),
    })
    await using policy = await startTwo('policy', {
      does: () => ({ Allowed: false, Status: { Message: 'the image is not signed' } }),
    })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: config(
        { lease: lease.socket, policy: policy.socket },
        { pre: ['lease'], validate: ['policy'] },
      ),
    })
    const name = named('refused')
    const { exitCode, stderr } = await create(powerstrip.unix, name)
    expect([exitCode, stderr.split('\n')[0]]).toEqual([
      1,
      'Error response from daemon: denied by adapter "policy": the image is not signed',
    ])
    expect(lease.calls.map(({ type, message }) => [type, message.Metadata])).toEqual([
      ['pre-hook', undefined],
      ['unwind-hook', { lease: 7 }],
    ])
  })

  test('the engine’s own refusal undoes what was reserved for it', async () => {
    await using lease = await startTwo('lease', {
      does: ({ type }) => (type === 'pre-hook' ? { Compensate: true } : undefined),
    })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: config({ lease: lease.socket }, { pre: ['lease'] }),
    })
    const name = named('twice')
    const args = ['create', '--name', name, ...ALONE, 'busybox', 'true']
    const first = await docker(powerstrip.unix, args)
    const second = await docker(powerstrip.unix, args)
    await docker(engine().host, ['rm', '--force', name])
    expect([first.exitCode, second.exitCode]).toEqual([0, 1])
    expect(second.stderr).toContain('already in use')
    const [one, two, undone] = lease.calls
    expect([one!.type, two!.type, undone!.type]).toEqual(['pre-hook', 'pre-hook', 'unwind-hook'])
    expect(undone!.uid).toBe(two!.uid)
    expect(undone!.message).toMatchObject({
      Cause: { Phase: 'engine', Upstream: 'failed', Status: { Code: 409 } },
      ServerResponse: { Code: 409 },
    })
  })
})

/** What an operator sees of real docker commands: the decision log, metrics and a tap, with two adapters that know nothing of each other. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decisionsIn, metrics, page, startTap } from '../../support/admin.ts'
import { ALONE, lingering } from '../../support/clients/index.ts'
import { describeEachEngine, docker } from '../../support/engine/index.ts'
import { startPowerstrip } from '../../support/powerstrip.ts'
import { startTwo } from '../../support/two/adapter.ts'

describeEachEngine('an operator looks on', (engine) => {
  test('docker run: one line for each request, with what each adapter changed, and no secret', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watch-'))
    const admin = join(folder, 'admin.sock')
    const file = join(folder, 'decisions.ndjson')
    await using labels = await startTwo('labels', {
      does: () => ({
        PatchType: 'JSONMergePatch',
        Patch: { Labels: { owner: 'platform' } },
        Compensate: true,
      }),
    })
    await using policy = await startTwo('policy', {
      does: ({ message }) => {
        const { Body } = message.ClientRequest
        return Body.HostConfig?.Privileged === true
          ? { Allowed: false, Status: { Message: `no privileges with ${Body.Env.join()}` } }
          : { Warnings: ['the image tag is mutable'] }
      },
    })
    await using powerstrip = await startPowerstrip({
      upstream: engine().host,
      config: JSON.stringify({
        version: 2,
        adapters: {
          labels: { unix: labels.socket, protocol: 2 },
          policy: { unix: policy.socket, protocol: 2 },
        },
        endpoints: { ContainerCreate: { pre: ['labels'], validate: ['policy'] } },
        log: { decisions: { file } },
        admin: { unix: admin },
      }),
    })
    await using tap = await startTap(['--config', powerstrip.configFile!, '--adapter', 'labels'])
    expect(JSON.parse((await page(admin, '/readyz')).text)).toMatchObject({ ready: true, notReady: [] })

    const run = ['run', '--rm', '--env', 'PASSWORD=hunter2-and-more', ...ALONE]
    const ran = await docker(powerstrip.unix, [...run, 'busybox', ...lingering('echo hello')])
    expect([ran.exitCode, ran.stdout]).toEqual([0, 'hello\n'])
    const refused = await docker(powerstrip.unix, [...run, '--privileged', 'busybox', 'true'])
    expect([refused.exitCode, refused.stderr]).toEqual([
      125,
      expect.stringContaining('denied by adapter "policy": no privileges with PASSWORD=hunter2-and-more'),
    ])
    await tap.shown((line) => line.includes('no privileges'))
    const seen = await metrics(admin)
    expect(await powerstrip.stop()).toBe(0)

    const lines = decisionsIn(file)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
    const creates = lines.filter(({ hooks }) => hooks.length > 0)
    expect(creates).toMatchObject([
      {
        request: { method: 'POST', operation: 'ContainerCreate' },
        fate: 'changed',
        status: 201,
        engineStatus: 201,
        hooks: [
          {
            adapter: 'labels',
            phase: 'pre',
            outcome: 'replace',
            changed: { patch: [{ op: 'add', path: '/Labels/owner', value: 'platform' }] },
          },
          { adapter: 'policy', phase: 'validate', outcome: 'pass', warnings: ['the image tag is mutable'] },
        ],
        unwound: [],
      },
      {
        fate: 'denied',
        status: 403,
        hooks: [
          { adapter: 'labels', outcome: 'replace' },
          { adapter: 'policy', outcome: 'deny', detail: 'no privileges with PASSWORD=***' },
        ],
        unwound: [{ adapter: 'labels', result: 'done' }],
      },
    ])
    // What no adapter asked for has its line too, and so has a two-way stream.
    const asked = lines.map(({ request: { operation }, fate }) => `${operation} ${fate}`)
    expect(asked).toEqual(
      expect.arrayContaining(['ContainerAttach hijacked', 'ContainerWait relayed', 'ContainerStart relayed']),
    )
    // Both have been told of the same.
    const counted = Object.entries(seen).filter(([name]) => name.startsWith('powerstrip_requests_total'))
    expect(counted.reduce((sum, [, count]) => sum + count, 0)).toBe(lines.length)
    expect(seen).toMatchObject({
      'powerstrip_requests_total{operation="ContainerCreate",fate="changed",status="2xx"}': 1,
      'powerstrip_requests_total{operation="ContainerCreate",fate="denied",status="4xx"}': 1,
      'powerstrip_unwind_total{result="done"}': 1,
    })
    expect(tap.lines.filter((line) => line.includes('/Labels/owner'))).toEqual([
      '        + /Labels/owner "platform"',
      '        + /Labels/owner "platform"',
    ])
    rmSync(folder, { recursive: true, force: true })
  })
})

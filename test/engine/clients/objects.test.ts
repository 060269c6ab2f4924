import { begun, everyWay } from '../../support/clients/index.ts'
import { describeEachEngine } from '../../support/engine/index.ts'

describeEachEngine('an object of the engine', (engine) => {
  const ways = everyWay(engine)

  test('versions are told alike', async () => {
    const seen = await ways.same((way) => way.docker(['version']), { cli: engine().kind })
    expect(seen.exitCode).toBe(0)
    expect(seen.stdout).toContain(engine().version)
  })

  test('a container is paused, renamed, updated, stopped twice, started and removed', async () => {
    const steps = (box: string) => [
      ['ps', '--filter', `name=${box}`, '--format', '{{.Names}} {{.Image}} {{.State}}'],
      ['pause', box],
      ['ps', '--filter', `name=${box}`, '--format', '{{.Names}} {{.State}}'],
      ['unpause', box],
      ['top', box, '-o', 'pid,args'],
      ['rename', box, `${box}-2`],
      ['update', '--memory', '64m', '--memory-swap', '64m', `${box}-2`],
      ['inspect', '--format', '{{.HostConfig.Memory}}', `${box}-2`],
      ['stop', '--time', '0', `${box}-2`],
      ['stop', `${box}-2`],
      ['rm', box],
      ['start', `${box}-2`],
      ['rm', `${box}-2`],
      ['kill', `${box}-2`],
      ['rm', `${box}-2`],
      ['inspect', `${box}-2`],
    ]
    const seen = await ways.same(
      async (way) => {
        const ends = []
        const box = await way.box(`life`)
        await begun(way, box)
        for (const step of steps(box)) {
          const ended = await way.docker(step)
          // The numbers of processes differ, and with them the width of their column.
          ends.push(step[0] === 'top' ? { ...ended, stdout: ended.stdout.replace(/ +|\d+ +/g, ' ') } : ended)
        }
        return ends
      },
      { cli: engine().kind },
    )
    expect(seen[0]).toEqual({ exitCode: 0, stdout: `(way)-life busybox running\n`, stderr: '' })
    expect(seen[2]?.stdout).toBe(`(way)-life paused\n`)
    expect(seen[4]?.stdout).toBe('PID COMMAND\n sleep 1000000\n')
    expect(seen[7]?.stdout).toBe('67108864\n')
    expect(seen.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1])
  })

  test('a volume is created, listed, inspected, used and removed', async () => {
    const seen = await ways.same(
      async (way) => {
        const name = way.named(`volume`)
        const ends = [
          await way.docker(['volume', 'create', '--label', 'of=tests', name]),
          await way.docker(['volume', 'ls', '--filter', `name=${name}`]),
          await way.docker(['volume', 'inspect', name]),
        ]
        const box = await way.box(`user`, ['sleep', '1000000'], ['--volume', `${name}:/kept`])
        ends.push(await way.docker(['volume', 'rm', name]))
        await way.must(['rm', '--force', box])
        ends.push(await way.docker(['volume', 'rm', name]), await way.docker(['volume', 'inspect', name]))
        return ends
      },
      { cli: engine().kind },
    )
    const [created, listed, inspected, refused, removed, missing] = seen
    const name = `(way)-volume`
    expect(created).toEqual({ exitCode: 0, stdout: `${name}\n`, stderr: '' })
    expect(listed?.stdout).toMatch(/local +\(way\)-volume\n$/)
    expect(JSON.parse(inspected!.stdout)).toMatchObject([{ Name: name, Labels: { of: 'tests' } }])
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('volume is in use') })
    expect(removed).toEqual({ exitCode: 0, stdout: `${name}\n`, stderr: '' })
    expect(missing).toMatchObject({ exitCode: 1, stdout: '[]\n', stderr: expect.stringContaining(name) })
  })
})

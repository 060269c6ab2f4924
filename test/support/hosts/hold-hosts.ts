import { once } from 'node:events'
import { UNTIL_IT_SLEEPS } from '../clients/begun.ts'
import { Running } from '../flocker/command.ts'
import { startPowerstrip } from '../powerstrip.ts'
import { startHosts } from './index.ts'

/**
 * A program that starts a host with a container and a program inside it, and two programs beside it, says so in a line of
 * JSON, and stays. The tests kill it: `node --import tsx hold-hosts.ts`.
 */
async function hold(): Promise<void> {
  const { all } = await startHosts({ kinds: ['new'] })
  const [host] = all
  const box = await host!.mustDocker(['run', '--detach', 'busybox', 'sleep', '1000000'])
  // Its process is runc's own for a while.
  await host!.mustDocker(['exec', box, ...UNTIL_IT_SLEEPS])
  const container = Number(await host!.mustDocker(['inspect', '--format', '{{.State.Pid}}', box]))
  const inside = host!.spawn('cat', [], { stdio: ['pipe', 'ignore', 'inherit'] })
  await once(inside, 'spawn')
  const { dir, pid } = host!.engine
  const control = await Running.start([
    'flocker-control',
    '--listen',
    '127.0.0.1:0',
    '--state',
    `${dir}/state`,
  ])
  const powerstrip = await startPowerstrip({ upstream: host!.engine.host })
  console.log(JSON.stringify({ dir, pids: [pid, container, inside.pid, control.pid, powerstrip.pid] }))
  process.stdin.resume()
}

void hold()

import { UNTIL_IT_SLEEPS } from '../clients/begun.ts'
import { docker, type EngineKind, importBusybox, startEngine } from './index.ts'

/**
 * A program that starts an engine with a network and a container, says so in a line of JSON, and stays. The tests kill
 * it: `node --import tsx hold-engine.ts old`.
 */
async function hold(kind: EngineKind): Promise<void> {
  const engine = await startEngine({ kind, network: true })
  await importBusybox(engine)
  await docker(engine.host, [
    'run',
    '--detach',
    '--restart',
    'always',
    '--name',
    'box',
    'busybox',
    'sleep',
    '1000000',
  ])
  // Its process is runc's own for a while.
  await docker(engine.host, ['exec', 'box', ...UNTIL_IT_SLEEPS])
  const box = await docker(engine.host, ['inspect', '--format', '{{.State.Pid}}', 'box'])
  console.log(JSON.stringify({ dir: engine.dir, engine: engine.pid, container: Number(box.stdout) }))
  process.stdin.resume()
}

void hold(process.argv[2] === 'new' ? 'new' : 'old')

/** The container that the scenarios work with. */
import { docker, type Engine, importBusybox } from '../test/support/engine/index.ts'

/** Starts it and tells its name. It goes when its engine goes. */
export async function startBox(engine: Engine): Promise<string> {
  await importBusybox(engine)
  const memory = 'type=volume,source=mem,target=/mem,volume-opt=type=tmpfs,volume-opt=device=tmpfs'
  const idle = ['busybox', 'tail', '-f', '/dev/null']
  await mustDocker(engine.host, [
    ...['run', '--detach', '--init', '--name', 'box', '--network', 'none'],
    ...['--mount', memory, ...idle],
  ])
  return 'box'
}

export async function mustDocker(host: string, args: readonly string[]): Promise<string> {
  const ended = await docker(host, args)
  if (ended.exitCode === 0) return ended.stdout
  throw new Error(`docker ${args.join(' ')} ended with ${ended.exitCode}: ${ended.stderr}`)
}

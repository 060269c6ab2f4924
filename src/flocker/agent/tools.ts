/** Programs that an agent cannot do without, each with the package that brings it. */
import { spawnSync } from 'node:child_process'

const TOOLS = [
  { program: 'tar', says: /GNU tar/, package: 'tar (GNU)' },
  { program: 'getfattr', says: /getfattr/, package: 'attr' },
  { program: 'sync', says: /GNU coreutils/, package: 'coreutils (GNU)' },
] as const

export function missingTools(): string[] {
  return TOOLS.filter(({ program, says }) => {
    const told = spawnSync(program, ['--version'], { encoding: 'utf8' })
    return told.status !== 0 || !says.test(told.stdout)
  }).map((tool) => `${tool.program} (package ${tool.package})`)
}

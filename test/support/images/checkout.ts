import { copyFile, cp } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { mustRun } from '../engine/run.ts'

/** A checkout as `npm ci`, which takes a registry, and `npm prune --omit=dev` leave it: from there an image is built. */
export async function checkOut(dir: string): Promise<void> {
  for (const file of [
    'package.json',
    'package-lock.json',
    '.npmrc',
    'LICENSE',
    'Dockerfile',
    '.dockerignore',
    'docker-compose.yml',
  ])
    await copyFile(file, join(dir, file))
  const wanted = await mustRun('npm', ['ls', '--omit=dev', '--all', '--parseable'])
  const packages = wanted.split('\n').map((path) => relative('.', path))
  for (const folder of ['dist', 'examples', ...packages.filter((path) => path.startsWith('node_modules/'))])
    await cp(folder, join(dir, folder), { recursive: true, verbatimSymlinks: true })
  // Little is left to be done, but it has to work.
  await mustRun('npm', ['prune', '--omit=dev', '--offline', '--prefix', dir])
}

import { readFileSync } from 'node:fs'
import { VERSION } from '../../src/version.ts'

test('the version that the command prints is that of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(VERSION).toBe(version)
})

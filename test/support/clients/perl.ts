import { cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { mustRun } from '../engine/run.ts'

/**
 * Puts Debian's essential perl into a folder, with what it needs to run where there is nothing else: busybox has no
 * program that talks to a unix socket, and this one is on every Debian.
 */
export async function providePerl(folder: string): Promise<void> {
  const linked = await mustRun('ldd', ['/usr/bin/perl'])
  const libraries = linked.match(/\/\S+/g) ?? []
  const modules = (await mustRun('perl', ['-e', 'print grep { m{/perl-base$} } @INC'])).trim()
  for (const path of ['/usr/bin/perl', ...libraries, modules]) {
    await mkdir(join(folder, dirname(path)), { recursive: true })
    await cp(path, join(folder, path), { recursive: true, dereference: true })
  }
}

/** What a directory inside a host holds, as the machine's own tools see it. */
import type { Host } from '../hosts/index.ts'

const DESCRIBE = `
  cd "$1" || exit 1
  find . -type d -printf '%P %y %m %U:%G %T@\\n' | sort
  find . ! -type d -printf '%P %y %m %U:%G %T@ %s %n %l\\n' | sort
  find . -type f -print0 | sort -z | xargs -0r openssl dgst -sha256 -r
  find . -type f -links +1 -printf '%i %P\\n' | sort -k 2 | awk '{ if (!($1 in seen)) seen[$1] = NR; $1 = seen[$1]; print }'
  getfattr -R -d -m - -h -e hex . | sort
`

/** Names, kinds, modes, owners, times, sizes, links, attributes and content, in an order of its own. */
export async function describeTree(host: Host, path: string): Promise<string> {
  const told = await host.run('sh', ['-c', DESCRIBE, 'describe', path])
  if (told.exitCode !== 0) throw new Error(told.stderr)
  return told.stdout
}

const FILL = `
  cd "$1" || exit 1
  dd if=/dev/urandom of=big bs=1M count=$(($2 / 2)) 2>/dev/null
  mkdir -p many/deep && head -c $(($2 / 2))M /dev/urandom | split -b 100K -a 4 - many/deep/part.
  ln big same && ln -s big link && chown 999:999 many && chmod 640 big && setfattr -n user.note -v kept big
  truncate -s 100M holes && printf x >> holes
`

/** Fills it with random content: half in one file, half in many, and some of what is easily lost. */
export async function fillTree(host: Host, path: string, megabytes: number): Promise<void> {
  const told = await host.run('sh', ['-c', FILL, 'fill', path, `${megabytes}`])
  if (told.exitCode !== 0) throw new Error(told.stderr)
}

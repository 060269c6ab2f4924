import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * The keeper is a small process beside each private engine. It owns what an engine may leave behind, and gives all of
 * it back when its standard input ends: when the engine is disposed of, and just as well when the test process dies,
 * however suddenly. There is no other way to clean up, so this one is walked every time.
 *
 * It holds a mount namespace, and for an engine with a network also a network namespace; dockerd is started inside.
 * A namespace goes when its last process goes, and takes mounts, bridges and veth pairs with it.
 *
 * - Over the folders that every engine uses, whatever its options say, lies a tmpfs: settings and a containerd of the
 *   machine stay out of sight; the engine's key and the sockets of shims and plugins stay inside.
 * - A bridge needs the sysfs of its own network namespace, but a fresh /sys lacks the cgroups. They are bound aside
 *   and back again.
 * - Containers are found by the engine's cgroup: one whose shim has died has no other mark. Everything else is found
 *   by the mount namespace.
 * - The folder is deleted only when nothing is mounted below it: a bind mount would lead out of it.
 */
const KEEPER = String.raw`
dir=$1 group=$2 network=$3

for shared in /run/containerd /run/docker /etc/docker; do
  mkdir -p $shared && mount -t tmpfs tmpfs $shared || exit 1
done
mkdir -m 0711 "$dir" || exit 1
made=yes
if [ "$network" = own ]; then
  mkdir "$dir/cgroup" &&
    mount --rbind /sys/fs/cgroup "$dir/cgroup" &&
    mount -t sysfs sysfs /sys &&
    mount --rbind "$dir/cgroup" /sys/fs/cgroup &&
    umount -R -l "$dir/cgroup" &&
    rmdir "$dir/cgroup" &&
    ip link set lo up || made=no
fi
if [ $made = yes ]; then
  echo ready
  cat >/dev/null
fi

here=$(readlink /proc/$$/ns/mnt | tr '[]' '??')
containers() { grep -l "/$group\(/\|$\)" /proc/[0-9]*/cgroup 2>/dev/null | cut -d / -f 3; }
inside() { find /proc/[0-9]*/ns/mnt -maxdepth 0 -lname "$here" 2>/dev/null | cut -d / -f 3 | grep -vx $$; }
alive() { for pid; do [ -e "/proc/$pid/exe" ] && return 0; done; return 1; }
# What is paused dies of no signal.
thaw() { find /sys/fs/cgroup/freezer -path "*/$group/*" -name freezer.state -exec sh -c 'echo THAWED >"$1"' _ {} \; 2>/dev/null; }
tops() { find /sys/fs/cgroup -maxdepth 2 -name "$group"; }
below() { awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo; }

kill -KILL $(containers) 2>/dev/null
thaw
engine=$(inside | grep -xF -f "$dir/pid" 2>/dev/null)
if [ -n "$engine" ] && kill -TERM "$engine" 2>/dev/null; then
  tries=0
  while alive "$engine" && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
fi

# As long as it takes: what still writes would be in the way of the folder's end.
tries=0
while [ $tries -lt 600 ]; do
  rest="$(containers) $(inside)"
  alive $rest || break
  kill -KILL $rest 2>/dev/null
  sleep 0.05
  tries=$((tries + 1))
done

tries=0
while [ -n "$(below)" ] && [ $tries -lt 20 ]; do
  below | tac | xargs -r umount -l 2>/dev/null
  tries=$((tries + 1))
done
# A process has left /proc/PID/exe a moment before it leaves its cgroup.
tries=0
while [ -n "$(tops)" ] && [ $tries -lt 100 ]; do
  tops | while read -r top; do find "$top" -depth -type d -exec rmdir {} + 2>/dev/null; done
  [ -z "$(tops)" ] || sleep 0.05
  tries=$((tries + 1))
done
if [ -n "$(below)" ]; then
  echo "still mounted, so not deleted: $(below)" >&2
  exit 1
fi
rm -rf --one-file-system "$dir" && [ $made = yes ]
`

export interface Keeper {
  /** Its namespaces are the engine's. */
  readonly pid: number
  /** Lets go of everything; done when the folder is deleted. */
  release(): Promise<void>
}

export interface Kept {
  /** Made by the keeper, so that there is no moment in which it has no owner. */
  readonly dir: string
  /** The cgroup above all the engine's containers. */
  readonly cgroup: string
  readonly network: 'own' | 'none'
}

export async function startKeeper(kept: Kept): Promise<Keeper> {
  const namespaces = kept.network === 'own' ? ['--mount', '--net'] : ['--mount']
  const child = spawn(
    'unshare',
    // Mounts of the machine are still seen inside; those made inside stay inside.
    [
      ...namespaces,
      '--propagation',
      'slave',
      'sh',
      '-c',
      KEEPER,
      'keeper',
      kept.dir,
      kept.cgroup,
      kept.network,
    ],
    // A group of its own: an interrupt on the terminal ends the tests, and that is what the keeper waits for.
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  )
  const gone = once(child, 'exit')
  const ready = await Promise.race([once(child.stdout, 'data'), gone.then(() => undefined)])
  if (ready === undefined || child.pid === undefined) {
    throw new Error(
      `the namespaces of a private engine could not be made (exit ${child.exitCode}); are you root?`,
    )
  }
  holdNothing(child)

  return {
    pid: child.pid,
    async release() {
      child.ref()
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await gone
      if (child.exitCode !== 0) throw new Error(`an engine could not be removed completely: ${kept.dir}`)
    },
  }
}

/** A script that forgets its engine may still end, which is what ends the engine. */
function holdNothing(child: ChildProcess): void {
  child.unref()
  for (const stream of [child.stdin, child.stdout]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
  }
}

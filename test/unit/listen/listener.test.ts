/** Sockets that clients connect to: open to those who may, and never at the cost of somebody else's file. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { groupId, userId } from '../../../src/listen/accounts.ts'
import { type Listener, listen, sameAddress } from '../../../src/listen/listener.ts'
import type { Address } from '../../../src/model/address.ts'
import { isLoopback } from '../../../src/model/address.ts'
import { plainListener, type SocketRights } from '../../../src/model/listener.ts'
import type { Link } from '../../../src/plane/link.ts'

let dir: string
let path: string
const opened: Listener[] = []
const accepted: Socket[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'listen-'))
  path = join(dir, 'ps.sock')
})

afterEach(async () => {
  jest.restoreAllMocks()
  for (const socket of accepted.splice(0)) socket.destroy()
  for (const listener of opened.splice(0)) await listener.close()
  rmSync(dir, { recursive: true, force: true })
})

async function open(address: Address, rights: Partial<SocketRights> = {}) {
  const plain = plainListener(address)
  const spec = { ...plain, socket: { ...plain.socket, ...rights } }
  const accept = async ({ socket }: Link) => {
    accepted.push(socket)
    await new Promise((closed) => socket.once('close', closed))
  }
  const result = await listen(spec, accept, () => {})
  if (result.ok) opened.push(result.value)
  return result
}

const openUnix = (at = path, rights: Partial<SocketRights> = {}) => open({ kind: 'unix', path: at }, rights)

const permissions = (file: string) => statSync(file).mode & 0o7777

/** What somebody who connects is told by whoever listens there: nothing, or an error code. */
async function knock(at: string): Promise<string> {
  const socket = connect({ path: at })
  const answer = await Promise.race([
    once(socket, 'connect').then(() => 'open'),
    once(socket, 'error').then(([problem]) => (problem as NodeJS.ErrnoException).code ?? 'error'),
  ]).catch((problem: NodeJS.ErrnoException) => problem.code ?? 'error')
  socket.destroy()
  return answer
}

/** A socket file that nobody listens on any more. */
async function leaveStale(at: string): Promise<void> {
  const server = createServer().listen(join(dir, 'gone'))
  await once(server, 'listening')
  // Closing removes the name it was opened under.
  renameSync(join(dir, 'gone'), at)
  server.close()
  await once(server, 'close')
}

describe('the permissions of a unix socket (PS-LISTEN-001)', () => {
  test.each([0o660, 0o600, 0o666, 0o640, 0o777])('are %o when asked for, whatever the mask', async (mode) => {
    for (const mask of [0o000, 0o022, 0o077, 0o777]) {
      const before = process.umask(mask)
      try {
        const listener = await openUnix(path, { mode })
        expect(listener.ok && permissions(path)).toBe(mode)
        expect(process.umask()).toBe(mask)
        await opened.pop()?.close()
      } finally {
        process.umask(before)
      }
    }
  })

  test('are never wider on the way: at first only the owner may connect, then the group gets it, then the mode', async () => {
    const before = process.umask(0)
    const steps: string[] = []
    const group = process.getuid?.() === 0 ? 'daemon' : String(process.getgid?.())
    const { chownSync } = fs
    jest.spyOn(fs, 'chownSync').mockImplementation((file, uid, gid) => {
      steps.push(`group while ${permissions(String(file)).toString(8)}`)
      chownSync(file, uid, gid)
    })
    jest.spyOn(fs, 'chmodSync').mockImplementation((file, mode) => {
      steps.push(`mode while ${permissions(String(file)).toString(8)}`)
      chmodSync(file, mode)
    })
    try {
      expect((await openUnix(path, { mode: 0o666, group })).ok).toBe(true)
    } finally {
      process.umask(before)
    }
    expect(steps).toEqual(['group while 600', 'mode while 600'])
    expect(statSync(path).gid).toBe(Number((groupId(group) as { value: number }).value))
  })

  test('belong to the user that was asked for, and a user that there is not stops it', async () => {
    const owner = process.getuid?.() === 0 ? 'nobody' : String(process.getuid?.())
    expect((await openUnix(path, { owner, mode: 0o600 })).ok).toBe(true)
    expect(statSync(path).uid).toBe((userId(owner) as { value: number }).value)
    const other = join(dir, 'other.sock')
    expect(await openUnix(other, { owner: 'no-such-user' })).toEqual({
      ok: false,
      failure: expect.stringContaining('there is no user "no-such-user"'),
    })
    expect(existsSync(other)).toBe(false)
  })

  test('a group that there is not stops it before anything is opened', async () => {
    expect(await openUnix(path, { group: 'no-such-group' })).toEqual({
      ok: false,
      failure: expect.stringContaining('there is no group "no-such-group"'),
    })
    expect(existsSync(path)).toBe(false)
  })

  test('a mode that cannot be set closes it again', async () => {
    jest.spyOn(fs, 'chmodSync').mockImplementation(() => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
    })
    expect(await openUnix()).toEqual({ ok: false, failure: expect.stringContaining('permission denied') })
    expect(existsSync(path)).toBe(false)
  })
})

describe('the directory of a unix socket', () => {
  test.each([
    [0o777, false],
    [0o733, false],
    [0o1777, true],
    [0o775, true],
    [0o770, true],
    [0o700, true],
  ])('%o: %s', async (mode, good) => {
    chmodSync(dir, mode)
    const listener = await openUnix()
    expect(listener.ok).toBe(good)
    if (!listener.ok) expect(listener.failure).toContain('writable by everyone')
    if (!good) expect(existsSync(path)).toBe(false)
  })

  test('is judged itself where the path goes through a symbolic link', async () => {
    mkdirSync(join(dir, 'real'), { mode: 0o700 })
    chmodSync(join(dir, 'real'), 0o777)
    symlinkSync('real', join(dir, 'link'))
    expect((await openUnix(join(dir, 'link', 'ps.sock'))).ok).toBe(false)
  })

  test('must exist', async () => {
    expect(await openUnix(join(dir, 'none', 'ps.sock'))).toEqual({
      ok: false,
      failure: `cannot listen on unix://${dir}/none/ps.sock: the directory ${dir}/none does not exist`,
    })
  })
})

describe('what is in the way of a unix socket', () => {
  test('a socket that nobody listens on is replaced', async () => {
    await leaveStale(path)
    expect(await knock(path)).toBe('ECONNREFUSED')
    expect((await openUnix()).ok).toBe(true)
    expect(await knock(path)).toBe('open')
  })

  test('a socket that somebody listens on is kept, and so is its owner', async () => {
    const owner = createServer().listen(path)
    await once(owner, 'listening')
    const { ino } = statSync(path)
    expect(await openUnix()).toEqual({
      ok: false,
      failure: expect.stringContaining('another process is listening there already'),
    })
    expect(statSync(path).ino).toBe(ino)
    expect(await knock(path)).toBe('open')
    owner.close()
  })

  test('a socket whose owner is too busy to accept is kept, too', async () => {
    const owner = await startBusyOwner(path)
    const waiting = Array.from({ length: 4 }, () => connect({ path }).on('error', () => {}))
    try {
      await Promise.race(waiting.map((socket) => once(socket, 'error')))
      expect(await knock(path)).toBe('EAGAIN')
      expect(await openUnix()).toEqual({ ok: false, failure: expect.stringContaining('already') })
      expect(lstatSync(path).isSocket()).toBe(true)
    } finally {
      for (const socket of waiting) socket.destroy()
      owner.kill('SIGKILL')
      await once(owner, 'exit')
    }
  })

  test('a file is kept', async () => {
    writeFileSync(path, 'precious')
    expect(await openUnix()).toEqual({ ok: false, failure: expect.stringContaining('not a socket') })
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  test('a directory is kept', async () => {
    mkdirSync(path)
    expect((await openUnix()).ok).toBe(false)
    expect(lstatSync(path).isDirectory()).toBe(true)
  })

  test.each(['a dead socket', 'a live socket', 'a file', 'nothing'])(
    'a symbolic link to %s is refused and kept',
    async (to) => {
      const target = join(dir, 'target')
      const owner = createServer()
      if (to === 'a dead socket') await leaveStale(target)
      if (to === 'a live socket') await once(owner.listen(target), 'listening')
      if (to === 'a file') writeFileSync(target, 'precious')
      symlinkSync(target, path)
      expect(await openUnix()).toEqual({ ok: false, failure: expect.stringContaining('symbolic link') })
      expect(lstatSync(path).isSymbolicLink()).toBe(true)
      expect(existsSync(target)).toBe(to !== 'nothing')
      owner.close()
    },
  )
})

describe('closing', () => {
  test('removes the socket at once and accepts no more; open connections go on', async () => {
    const listener = await openUnix()
    if (!listener.ok) throw new Error(listener.failure)
    const client = connect({ path, allowHalfOpen: true })
    await once(client, 'connect')
    while (accepted.length === 0) await new Promise(setImmediate)
    await listener.value.close()
    expect(existsSync(path)).toBe(false)
    expect(await knock(path)).toBe('ENOENT')

    accepted[0]!.write('still here')
    expect(String((await once(client, 'data'))[0])).toBe('still here')
    client.destroy()
  })

  test('frees a port', async () => {
    const first = await open({ kind: 'tcp', host: '127.0.0.1', port: 0 })
    if (!first.ok) throw new Error(first.failure)
    expect(await open(first.value.address)).toEqual({ ok: false, failure: expect.stringContaining('in use') })
    await first.value.close()
    expect((await open(first.value.address)).ok).toBe(true)
  })
})

describe('TCP (PS-LISTEN-002)', () => {
  test.each(['127.0.0.1', 'localhost', '127.1.2.3'])('port 0 of %s becomes a number', async (host) => {
    const listener = await open({ kind: 'tcp', host, port: 0 })
    expect(listener).toMatchObject({
      ok: true,
      value: { address: { kind: 'tcp', host, port: expect.any(Number) } },
    })
    const { port } = opened[0]!.address as Address & { kind: 'tcp' }
    expect(port).toBeGreaterThan(0)
    const client = connect({ host, port })
    await once(client, 'connect')
    client.destroy()
  })

  test.each([
    '0.0.0.0',
    '::',
    '192.168.0.1',
    '10.0.0.1',
    '::ffff:192.168.0.1',
    'example.com',
    '',
    '0',
    '128.0.0.1',
    '127.0.0.1.example.com',
  ])('%j is not loopback, and refused', async (host) => {
    expect(await open({ kind: 'tcp', host, port: 0 })).toEqual({
      ok: false,
      failure: expect.stringContaining('PS-LISTEN-002'),
    })
    expect(isLoopback(host)).toBe(false)
  })
})

test('several listeners serve side by side', async () => {
  await openUnix()
  await openUnix(join(dir, 'other.sock'))
  await open({ kind: 'tcp', host: '127.0.0.1', port: 0 })
  expect(opened).toHaveLength(3)
  expect([await knock(path), await knock(join(dir, 'other.sock'))]).toEqual(['open', 'open'])
})

describe('whether two addresses are one', () => {
  const unix = (at: string): Address => ({ kind: 'unix', path: at })
  const tcp = (host: string, port: number): Address => ({ kind: 'tcp', host, port })

  test.each([
    ['equal paths', () => [unix(path), unix(path)]],
    ['a path with detours', () => [unix(path), unix(`${dir}/../${basename(dir)}/./ps.sock`)]],
    ['a directory behind a symbolic link', () => [unix(path), unix(join(`${dir}-link`, 'ps.sock'))]],
    ['a socket behind a symbolic link', () => [unix(path), unix(join(dir, 'link.sock'))]],
    ['equal ports', () => [tcp('127.0.0.1', 1), tcp('127.0.0.1', 1)]],
    ['localhost and 127.0.0.1', () => [tcp('localhost', 1), tcp('127.0.0.1', 1)]],
    ['localhost and ::1', () => [tcp('localhost', 1), tcp('::1', 1)]],
  ] as Array<[string, () => [Address, Address]]>)(
    '%s: they are, whether the socket exists or not',
    async (_, make) => {
      symlinkSync(dir, `${dir}-link`)
      try {
        const [one, other] = make()
        if (!(other.kind === 'unix' && other.path.endsWith('link.sock')))
          expect(sameAddress(one, other)).toBe(true)
        await leaveStale(path)
        symlinkSync(path, join(dir, 'link.sock'))
        expect(sameAddress(one, other)).toBe(true)
        expect(sameAddress(other, one)).toBe(true)
      } finally {
        rmSync(`${dir}-link`)
      }
    },
  )

  test.each([
    ['other names in one directory', () => [unix(path), unix(join(dir, 'other.sock'))]],
    ['one name in other directories', () => [unix(path), unix('/nonexistent/ps.sock')]],
    ['other ports', () => [tcp('127.0.0.1', 1), tcp('127.0.0.1', 2)]],
    ['ports that are still to be chosen', () => [tcp('127.0.0.1', 0), tcp('127.0.0.1', 0)]],
    ['other hosts', () => [tcp('127.0.0.1', 1), tcp('engine.example', 1)]],
    ['kinds', () => [unix(path), tcp('127.0.0.1', 1)]],
  ] as Array<[string, () => [Address, Address]]>)('%s: they are not', (_, make) => {
    expect(sameAddress(...make())).toBe(false)
  })
})

describe('groups', () => {
  test('by number and by name', () => {
    expect(groupId('123')).toEqual({ ok: true, value: 123 })
    expect(groupId('root')).toEqual({ ok: true, value: 0 })
    expect(userId('nobody')).toEqual({ ok: true, value: 65_534 })
    expect(userId('no such user')).toEqual({
      ok: false,
      failure: expect.stringContaining('there is no user'),
    })
  })

  test('an unknown name, and the start of a known one', () => {
    for (const name of ['no-such-group', 'roo', '', 'root:x'])
      expect(groupId(name)).toEqual({ ok: false, failure: expect.stringContaining('there is no group') })
  })

  test('without a list of groups it says so', () => {
    jest.spyOn(fs, 'readFileSync').mockImplementation(() => {
      throw new Error('ENOENT')
    })
    expect(groupId('docker')).toEqual({
      ok: false,
      failure: expect.stringContaining('/etc/group cannot be read'),
    })
  })
})

/** A process that listens and, being stopped, accepts nothing; its queue holds two connections. */
async function startBusyOwner(at: string): Promise<ChildProcess> {
  const program = `require('node:net').createServer().listen({ path: ${JSON.stringify(at)}, backlog: 1 }, () => console.log('up'))`
  const owner = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(owner.stdout!, 'data')
  owner.kill('SIGSTOP')
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${owner.pid}/status`, 'utf8')))
    await new Promise(setImmediate)
  return owner
}

import { execFile } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { watchConfig } from '../../../src/config/watch.ts'

let directory: string
let file: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'powerstrip-watch-'))
  file = join(directory, 'adapters.yml')
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** A configuration that can be told from the others: it has one adapter of this name. */
function configOf(adapter: string): string {
  return `endpoints: { "* *": { pre: [${adapter}] } }\nadapters: { ${adapter}: "http://a" }\n`
}

const BROKEN = 'endpoints: { "* *": { pre: [nobody] } }\nadapters: {}\n'

/** What a watch has told: `good NAME` of the one adapter, or `bad CODES`. */
class Told {
  readonly all: string[] = []
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined

  add(report: string): void {
    this.all.push(report)
    if (this.#waiting && this.all.length >= this.#waiting.count) this.#waiting.resolve()
  }

  /** The reports once there are so many. */
  async upTo(count: number): Promise<readonly string[]> {
    if (this.all.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting = { count, resolve }
      })
    }
    return this.all
  }

  async until(last: string): Promise<readonly string[]> {
    while (this.all.at(-1) !== last) await this.upTo(this.all.length + 1)
    return this.all
  }
}

/** `from` is what the caller knows already: what the file says now, unless told otherwise. */
function follow(
  told: Told,
  path = file,
  from: string | 'nothing' = readFileSync(path, 'utf8'),
): AsyncDisposable {
  return watchConfig(path, {
    builtIns: [],
    ...(from === 'nothing' ? {} : { from }),
    onGood: ({ config }) => told.add(`good ${[...config.adapters.keys()].join()}`),
    onBad: ({ problems }) => told.add(`bad ${problems.map(({ code }) => code).join()}`),
  })
}

function replaceByRename(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

describe('a watched configuration', () => {
  test('is reported when it is edited in place', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    writeFileSync(file, configOf('b'))
    expect(await told.upTo(1)).toEqual(['good b'])
    writeFileSync(file, configOf('c'))
    expect(await told.upTo(2)).toEqual(['good b', 'good c'])
  })

  test('is reported within a second', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    const before = performance.now()
    writeFileSync(file, configOf('b'))
    await told.upTo(1)
    // The promise is one second; the margin is for a machine that has other things to do.
    expect(performance.now() - before).toBeLessThan(3000)
  })

  test('is reported when another file is moved into its place', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    for (const [index, name] of ['b', 'c', 'd'].entries()) {
      replaceByRename(configOf(name))
      await told.upTo(index + 1)
    }
    expect(told.all).toEqual(['good b', 'good c', 'good d'])
  })

  test('is followed behind symlinks that are swapped in one step, as Kubernetes does it', async () => {
    for (const [version, name] of [
      ['..1', 'a'],
      ['..2', 'b'],
    ] as const) {
      mkdirSync(join(directory, version))
      writeFileSync(join(directory, version, 'adapters.yml'), configOf(name))
    }
    symlinkSync('..1', join(directory, '..data'))
    symlinkSync(join('..data', 'adapters.yml'), file)
    const told = new Told()
    await using _ = follow(told)
    symlinkSync('..2', join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
    rmSync(join(directory, '..1'), { recursive: true })
    expect(await told.upTo(1)).toEqual(['good b'])
  })

  test('is followed where the symlink leads to another directory, which nothing watches', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'powerstrip-watch-elsewhere-'))
    try {
      writeFileSync(join(elsewhere, 'real.yml'), configOf('a'))
      symlinkSync(join(elsewhere, 'real.yml'), file)
      const told = new Told()
      await using _ = follow(told)
      writeFileSync(join(elsewhere, 'real.yml'), configOf('b'))
      expect(await told.upTo(1)).toEqual(['good b'])
    } finally {
      rmSync(elsewhere, { recursive: true, force: true })
    }
  })

  test('is missed when it is deleted, and found again when it returns, even unchanged', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    unlinkSync(file)
    expect(await told.upTo(1)).toEqual(['bad file-missing'])
    writeFileSync(file, configOf('a'))
    expect(await told.upTo(2)).toEqual(['bad file-missing', 'good a'])
  })

  test('is missed and found again with its whole directory', async () => {
    const inner = join(directory, 'inner')
    const path = join(inner, 'adapters.yml')
    mkdirSync(inner)
    writeFileSync(path, configOf('a'))
    const told = new Told()
    await using _ = follow(told, path)
    rmSync(inner, { recursive: true })
    expect(await told.upTo(1)).toEqual(['bad file-missing'])
    mkdirSync(inner)
    writeFileSync(path, configOf('b'))
    expect(await told.upTo(2)).toEqual(['bad file-missing', 'good b'])
    writeFileSync(path, configOf('c'))
    expect(await told.upTo(3)).toEqual(['bad file-missing', 'good b', 'good c'])
  })

  test('may not exist yet', async () => {
    const told = new Told()
    await using _ = follow(told, file, 'nothing')
    expect(await told.upTo(1)).toEqual(['bad file-missing'])
    writeFileSync(file, configOf('a'))
    expect(await told.upTo(2)).toEqual(['bad file-missing', 'good a'])
  })

  test('is reported at once where nothing is known of it yet', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told, file, 'nothing')
    expect(await told.upTo(1)).toEqual(['good a'])
  })

  test('is reported when it changed between being read and being watched', async () => {
    writeFileSync(file, configOf('b'))
    const told = new Told()
    await using _ = follow(told, file, configOf('a'))
    expect(await told.upTo(1)).toEqual(['good b'])
  })

  test('is reported broken with its problems described, and good again afterwards', async () => {
    writeFileSync(file, configOf('a'))
    const described: string[] = []
    const told = new Told()
    await using _ = watchConfig(file, {
      builtIns: [],
      from: configOf('a'),
      onGood: ({ text }) => told.add(text),
      onBad: (refused) => {
        described.push(refused.described)
        told.add(refused.problems.map(({ code }) => code).join())
      },
    })
    writeFileSync(file, BROKEN)
    expect(await told.upTo(1)).toEqual(['adapter-undefined'])
    expect(described[0]).toContain(`${file}:1:29  adapter "nobody" is not defined; there are no adapters\n`)
    expect(described[0]).toMatch(/\^{6}\n1 error\n$/)
    writeFileSync(file, configOf('a'))
    expect(await told.upTo(2)).toEqual(['adapter-undefined', configOf('a')])
  })

  test('is not reported when it is touched, rewritten or replaced without being changed', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    utimesSync(file, new Date(0), new Date(0))
    writeFileSync(file, configOf('a'))
    replaceByRename(configOf('a'))
    writeFileSync(join(directory, 'neighbour.yml'), configOf('n'))
    writeFileSync(file, configOf('b'))
    expect(await told.upTo(1)).toEqual(['good b'])
  })

  test('is not reported half written, however long the writing takes', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    // Broken until its very last character. The writer never pauses for as long as content needs to settle.
    const text = configOf('b').trimEnd()
    const handle = openSync(file, 'r+')
    ftruncateSync(handle)
    for (const character of text) {
      writeSync(handle, character)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    closeSync(handle)
    expect(await told.upTo(1)).toEqual(['good b'])
  })

  test('keeps up with fifty fast changes, in order, and ends with the last', async () => {
    writeFileSync(file, configOf('a0'))
    const told = new Told()
    await using _ = follow(told)
    for (let change = 1; change <= 50; change += 1) {
      // Every way of changing a file in turn.
      if (change % 3 === 0) replaceByRename(configOf(`a${change}`))
      else if (change % 3 === 1) writeFileSync(file, configOf(`a${change}`))
      else {
        unlinkSync(file)
        writeFileSync(file, configOf(`a${change}`))
      }
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    const reports = await told.until('good a50')
    const numbers = reports
      .filter((report) => report.startsWith('good'))
      .map((report) => Number(report.slice(6)))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  test('is taken while it never rests, whenever what is there is valid', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    await using _ = follow(told)
    let stirring = true
    const stir = (async () => {
      while (stirring) {
        appendFileSync(file, '# more\n')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    try {
      expect(await told.upTo(1)).toEqual(['good a'])
    } finally {
      stirring = false
      await stir
    }
  })

  test('is reported when a file that it includes, or takes a value from, changes, breaks, or comes to be', async () => {
    mkdirSync(join(directory, 'more'))
    const [team, token] = [join(directory, 'more', 'team.yml'), join(directory, 'token')]
    const main = 'version: 2\ninclude: [more/team.yml]\nadapters: {}\nendpoints: {}\n'
    const teamOf = (name: string) =>
      `adapters: { ${name}: { use: debug, with: { token: "\${file:../token}" } } }\nendpoints: { "*": { pre: [${name}] } }\n`
    writeFileSync(file, main)
    const told = new Told()
    await using _ = watchConfig(file, {
      builtIns: ['debug'],
      onGood: ({ config }) => {
        const [adapter] = config.adapters.values()
        told.add(`good ${adapter?.name} ${String(adapter?.settings.with.token)}`)
      },
      onBad: ({ problems }) => told.add(`bad ${problems.map(({ code }) => code).join()}`),
    })
    await told.upTo(1)
    writeFileSync(team, teamOf('a'))
    await told.upTo(2)
    writeFileSync(token, 'one\n')
    await told.upTo(3)
    writeFileSync(token, 'two\n')
    await told.upTo(4)
    writeFileSync(`${team}.new`, teamOf('b'))
    renameSync(`${team}.new`, team)
    await told.upTo(5)
    writeFileSync(team, 'adapterz: {}\n')
    await told.upTo(6)
    writeFileSync(file, main.replace('include: [more/team.yml]\n', ''))
    await told.upTo(7)
    expect(told.all).toEqual([
      'bad include-unreadable',
      'bad variable-unreadable',
      'good a one',
      'good a two',
      'good b two',
      'bad key-unknown',
      'good undefined undefined',
    ])
  })

  test('is left alone once the watch is disposed of', async () => {
    writeFileSync(file, configOf('a'))
    const told = new Told()
    const watch = follow(told)
    writeFileSync(file, configOf('b'))
    await told.upTo(1)
    await watch[Symbol.asyncDispose]()
    writeFileSync(file, configOf('c'))

    // A second watch sees the change for certain; the first had the same chance.
    const witness = new Told()
    await using _ = follow(witness, file, configOf('b'))
    await witness.upTo(1)
    expect(told.all).toEqual(['good b'])
  })

  test('may be disposed of by what it reports to, and twice', async () => {
    writeFileSync(file, configOf('b'))
    const disposed = new Promise<void>((resolve) => {
      const watch: AsyncDisposable = watchConfig(file, {
        builtIns: [],
        from: configOf('a'),
        onGood: () => resolve(watch[Symbol.asyncDispose]().then(() => watch[Symbol.asyncDispose]())),
        onBad: () => undefined,
      })
    })
    await disposed
  })

  test('does not keep the process alive', async () => {
    writeFileSync(file, configOf('a'))
    const program = `
      import { watchConfig } from './src/config/watch.ts'
      watchConfig(process.env.WATCHED, { builtIns: [], onGood: () => console.log('good'), onBad: () => {} })
      setTimeout(() => console.log('nothing left to do'), 500)`
    const run = promisify(execFile)
    const { stdout } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      {
        env: { ...process.env, WATCHED: file },
        timeout: 30_000,
      },
    )
    expect(stdout).toContain('nothing left to do')
  }, 60_000)
})

import { createReadStream } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ALONE,
  everyWay,
  fingerprint,
  fingerprintFile,
  fingerprintTree,
  randomFile,
  scratchFolder,
  type Way,
  withoutClientLog,
} from '../../support/clients/index.ts'
import { describeEachEngine, runLabel } from '../../support/engine/index.ts'
import { mustRun } from '../../support/engine/run.ts'

const MB = 1_000_000

describeEachEngine('files through the docker CLI', (engine) => {
  const ways = everyWay(engine)
  const scratch = scratchFolder()
  let blob: string
  let common: string

  beforeAll(async () => {
    blob = await randomFile(join(scratch.path, 'blob'), 30 * MB)
    await ways.each((way) => way.box('box'))
    await ways.each(async (way) => {
      if (way.name !== 'directly') return
      common = way.named('common')
      const fill = 'seq 1 300000 > /numbers; mkdir -p /deep/er; ln -s /numbers /deep/er/link'
      await way.must(['run', '--name', common, ...ALONE, 'busybox', 'sh', '-c', fill])
    })
  })

  test('F27 cp takes a folder in and brings it out again', async () => {
    const folder = await sampleFolder(join(scratch.path, `sample`))
    const seen = await ways.same(
      async (way) => {
        const inside = `${way.named('box')}:/sample`
        const outside = await emptyFolder(way, scratch.path, `cp`)
        const into = await way.docker(['cp', folder, inside])
        const out = await way.docker(['cp', `${inside}/.`, outside])
        return { into: into.exitCode, out: out.exitCode, tree: await fingerprintTree(outside) }
      },
      { cli: engine().kind },
    )
    expect(seen).toEqual({ into: 0, out: 0, tree: await fingerprintTree(folder) })
  })

  test('F27 cp takes 30 MB in and brings them out again', async () => {
    const seen = await ways.same(
      async (way) => {
        const inside = `${way.named('box')}:/blob`
        const outside = join(await emptyFolder(way, scratch.path, `blob`), 'blob')
        await way.must(['cp', blob, inside])
        await way.must(['cp', inside, outside])
        const summed = await way.must(['exec', way.named('box'), 'wc', '-c', `/blob`])
        return { summed, sum: await fingerprintFile(outside) }
      },
      { cli: engine().kind },
    )
    expect(seen).toEqual({ summed: `30000000 /blob\n`, sum: await fingerprintFile(blob) })
  })

  test('F27 cp reads and writes archives on its standard streams', async () => {
    const folder = await sampleFolder(join(scratch.path, `piped`))
    const archive = join(scratch.path, `piped.tar`)
    await mustRun('tar', ['--create', '--file', archive, '--directory', folder, '.'])
    const seen = await ways.same(
      async (way) => {
        const inside = `${way.named('box')}:/piped`
        await way.must(['exec', way.named('box'), 'mkdir', `/piped`])
        const into = await way.docker(['cp', '-', inside], { stdin: createReadStream(archive) })
        const out = await way.docker(['cp', `${inside}/lines`, '-'])
        const unpacked = await mustRun('tar', ['--extract', '--to-stdout'], { stdin: out.stdout })
        return { into: into.exitCode, out: out.exitCode, lines: fingerprint(unpacked) }
      },
      { cli: engine().kind },
    )
    expect(seen).toEqual({ into: 0, out: 0, lines: await fingerprintFile(join(folder, 'lines')) })
  })

  test('cp says what is missing', async () => {
    // Small: a client that still sends when the engine has closed may tell of that, and not of the answer.
    const small = join(scratch.path, 'small')
    await writeFile(small, 'small')
    const seen = await ways.same(
      async (way) => ({
        noFile: await way.docker(['cp', `${way.named('box')}:/no-such`, scratch.path]),
        noBox: withoutClientLog(await way.docker(['cp', small, `${way.named('nobody')}:/`])),
        noFolder: withoutClientLog(await way.docker(['cp', small, `${way.named('box')}:/no/such/place`])),
      }),
      { cli: engine().kind },
    )
    for (const ended of Object.values(seen)) expect(ended).toMatchObject({ exitCode: 1, stdout: '' })
    expect(seen.noFile.stderr).toContain('/no-such')
    expect(seen.noBox.stderr).toBe('no such directory\n')
    expect(seen.noFolder.stderr).toContain('/no/such')
  })

  test('F27 import, save and load keep an image of 30 MB as it is', async () => {
    const layer = join(scratch.path, `layer.tar`)
    await mustRun('tar', ['--create', '--file', layer, '--directory', scratch.path, 'blob'])
    const seen = await ways.same(
      async (way) => {
        const image = way.named(`image`)
        const saved = join(await emptyFolder(way, scratch.path, `save`), 'saved.tar')
        const label = `LABEL ${runLabel()}`
        await way.must(['import', '--change', label, '-', image], { stdin: createReadStream(layer) })
        const imported = await imageOf(way, image)
        await way.must(['save', '--output', saved, image])
        await way.must(['image', 'rm', image])
        const load = await way.docker(['load', '--input', saved])
        const loaded = await imageOf(way, image)
        return { load, same: loaded.id === imported.id, layers: loaded.layers }
      },
      { cli: engine().kind },
    )
    expect(seen).toMatchObject({
      load: { exitCode: 0, stdout: `Loaded image: (way)-image:latest\n`, stderr: '' },
      same: true,
      layers: fingerprint(`["sha256:${await sha256(layer)}"]\n`),
    })
  })

  test('F27 export gives the same archive each time, and import takes it back', async () => {
    const seen = await ways.same(
      async (way) => {
        const image = way.named(`exported`)
        const archive = join(await emptyFolder(way, scratch.path, `export`), 'root.tar')
        await way.must(['export', '--output', archive, common])
        await way.must(['import', archive, image])
        const { layers } = await imageOf(way, image)
        return {
          archive: await fingerprintFile(archive),
          asImported: layers === fingerprint(`["sha256:${await sha256(archive)}"]\n`),
          numbers: fingerprint(
            await mustRun('tar', ['--extract', '--file', archive, '--to-stdout', 'numbers']),
          ),
        }
      },
      { cli: engine().kind },
    )
    const numbers = Array.from({ length: 300_000 }, (_, at) => `${at + 1}\n`).join('')
    expect(seen).toMatchObject({ asImported: true, numbers: fingerprint(numbers) })
  })

  test('commit turns what has changed into an image', async () => {
    const seen = await ways.same(
      async (way) => {
        const box = way.named(`change`)
        const image = way.named(`changed`)
        await way.must(['run', '--name', box, ...ALONE, 'busybox', 'sh', '-c', 'echo kept > /file'])
        const diff = await way.docker(['diff', box])
        const commit = await way.docker([
          'commit',
          '--message',
          'why',
          '--change',
          'CMD cat /file; sleep 0.3',
          box,
          image,
        ])
        return { diff, commit, run: await way.docker(['run', '--rm', ...ALONE, image]) }
      },
      { cli: engine().kind },
    )
    expect(seen).toEqual({
      diff: { exitCode: 0, stdout: 'A /file\n', stderr: '' },
      commit: { exitCode: 0, stdout: 'sha256:(id)\n', stderr: '' },
      run: { exitCode: 0, stdout: 'kept\n', stderr: '' },
    })
  })
})

async function emptyFolder(way: Way, scratch: string, name: string): Promise<string> {
  const folder = join(scratch, way.named(name))
  await mkdir(folder)
  return folder
}

/** Something of everything that travels in archives. */
async function sampleFolder(folder: string): Promise<string> {
  await mkdir(join(folder, 'deep/empty'), { recursive: true })
  await writeFile(join(folder, 'lines'), Array.from({ length: 5_000 }, (_, at) => `line ${at}\n`).join(''))
  await writeFile(join(folder, 'nothing'), '')
  await writeFile(join(folder, 'deep/run me'), '#!/bin/sh\n', { mode: 0o750 })
  await writeFile(join(folder, 'deep', `${'long'.repeat(40)}-ä`), 'long')
  await symlink('../lines', join(folder, 'deep/link'))
  return folder
}

async function imageOf(way: Way, image: string): Promise<{ id: string; layers: string }> {
  const inspected = (format: string) => way.must(['image', 'inspect', '--format', format, image])
  return { id: await inspected('{{.Id}}'), layers: fingerprint(await inspected('{{json .RootFS.Layers}}')) }
}

async function sha256(file: string): Promise<string> {
  return Buffer.from(await fingerprintFile(file), 'base64').toString('hex')
}

/** Ordinary exchanges, one answer for one request: the same to the byte directly and through powerstrip. */
import { docker } from '../../support/engine/index.ts'
import { ask, type Box, createBox, createExec, mustAsk, request, runBox } from '../../support/raw/box.ts'
import { fieldsOf, wholeOf } from '../../support/raw/message.ts'
import { exchange, RawPeer } from '../../support/raw/peer.ts'
import { openFiles } from '../../support/raw/proc.ts'
import { undated, unvarying } from '../../support/raw/varying.ts'
import { describeEveryWay, LISTENERS, relayed, sameEveryWay } from '../../support/raw/ways.ts'

const PING = request('GET', '/_ping')

describeEveryWay('ordinary exchanges', (at) => {
  /** Ran to its end, and has printed. */
  let printed: Box
  /** Runs on. */
  let running: Box
  /** Was never started: of all others a list tells how many seconds ago something was. */
  let created: Box
  /** An image of this file's own: what others tag `busybox` with meanwhile is told of with that one. */
  let image: string

  beforeAll(async () => {
    printed = await runBox(at().engine, ['sh', '-c', 'echo out; echo err >&2'])
    running = await runBox(at().engine, ['sleep', '1000000'])
    created = await createBox(at().engine, ['true'])
    await ask(at().engine, 'POST', `/containers/${printed.id}/wait`)
    image = `${printed.name}:own`
    await mustAsk(at().engine, 'POST', `/commit?container=${printed.id}&repo=${printed.name}&tag=own`)
  })

  afterAll(async () => {
    for (const box of [printed, running, created]) await box[Symbol.asyncDispose]()
    await ask(at().engine, 'DELETE', `/images/${image}`)
  })

  test.each(['HEAD', 'GET'])(
    'F01 %s /_ping has the same head and body, and nothing behind them',
    async (method) => {
      const seen = await sameEveryWay(at().ways, async (door) => {
        await using peer = await RawPeer.connect(door)
        peer.write(request(method, '/_ping'))
        const first = undated(wholeOf(await peer.answer(method)))
        peer.write(request(method, '/v1.41/_ping'))
        const second = undated(wholeOf(await peer.answer(method)))
        return [first, second]
      })
      expect(seen[0]).toContain(`\r\nApi-Version: ${at().engine.apiVersion}\r\n`)
      expect(seen[0]?.endsWith(method === 'GET' ? '\r\n\r\nOK' : '\r\n\r\n')).toBe(true)
    },
  )

  const same: ReadonlyArray<readonly [what: string, status: number, ask: () => string]> = [
    ['GET /version', 200, () => request('GET', '/version')],
    [
      'a list, its filter raw in the query',
      200,
      () => request('GET', `/v1.41/containers/json?all=1&filters={"name":["${created.name}"]}`),
    ],
    ['an object by its id', 200, () => request('GET', `/containers/${printed.id}/json`)],
    [
      'an object by a prefix of its id',
      200,
      () => request('GET', `/containers/${printed.id.slice(0, 12)}/json`),
    ],
    ['an image by a name with a colon', 200, () => request('GET', `/images/${image}/json`)],
    ['what is not there', 404, () => request('GET', '/images/none/of/these/json')],
    ['an unknown path', 404, () => request('GET', '/no/such/path')],
    ['a slash too many at the end', 404, () => request('GET', '/containers/json/')],
    ['the one slash that is allowed', 200, () => request('GET', '/networks/?filters={"driver":["null"]}')],
    ['the wrong method', 404, () => request('DELETE', '/info')],
    ['OPTIONS', 200, () => request('OPTIONS', '/containers/json')],
    ['a version of the future', 400, () => request('GET', '/v1.99/containers/json')],
    ['a conflict', 409, () => request('GET', `/containers/${printed.id}/top`)],
    [
      'a body that is not JSON by its type',
      400,
      () => request('POST', '/containers/create', 'x').replace('application/json', 'text/plain'),
    ],
    ['changes of a container', 200, () => request('GET', `/containers/${printed.id}/changes`)],
    [
      'logs of a container that has ended',
      200,
      () => request('GET', `/containers/${printed.id}/logs?stdout=1&stderr=1`),
    ],
    ['events that lie in the past', 200, () => request('GET', '/events?since=1&until=2')],
    ['a file out of an image', 200, () => request('GET', `/containers/${printed.id}/archive?path=/etc`)],
    ['a whole file system', 200, () => request('GET', `/containers/${printed.id}/export`)],
  ]

  test.each(same)('F02 %s is answered %i with the same bytes', async (_what, status, ask) => {
    const seen = await sameEveryWay(relayed(at().ways), async (door) => {
      const answer = await exchange(door, ask())
      return { status: answer.status, head: undated(answer.head), body: answer.body.toString('latin1') }
    })
    expect(seen.status).toBe(status)
  })

  test('F02 what tells of the engine itself has the same fields in the same order', async () => {
    const seen = await sameEveryWay(relayed(at().ways), async (door) => {
      const { head, body } = await exchange(door, request('GET', '/info'))
      return [
        undated(head).replace(/Content-Length: \d+/, 'Content-Length: #'),
        unvarying(body).replace(/\d+/g, '#'),
      ]
    })
    expect(seen[1]).toContain('"ServerVersion":')
  })

  test('F03 F04 start twice on one connection: 204, 304 and then a third request', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using box = await createBox(at().engine, ['sleep', '1000000'])
      await using peer = await RawPeer.connect(door)
      const answers: string[] = []
      for (const target of [`/containers/${box.id}/start`, `/containers/${box.id}/start`]) {
        peer.write(request('POST', target))
        answers.push(undated(wholeOf(await peer.answer())))
      }
      peer.write(PING)
      answers.push(undated(wholeOf(await peer.answer())))
      return answers
    })
    expect(seen.map((answer) => answer.slice(9, 12))).toEqual(['204', '304', '200'])
  })

  test('F03 start with an empty chunked body is refused by the engine, in its own words', async () => {
    await using box = await createBox(at().engine, ['true'])
    const seen = await sameEveryWay(at().ways, async (door) => {
      const head = request('POST', `/containers/${box.id}/start`, undefined, ['Transfer-Encoding: chunked'])
      const answer = await exchange(door, `${head}0\r\n\r\n`)
      return undated(wholeOf(answer))
    })
    expect(seen).toContain('HTTP/1.1 400 Bad Request')
  })

  test('F18 exec start: a missing id and broken JSON are ordinary answers, and the connection serves on', async () => {
    const exec = await createExec(at().engine, running, ['true'])
    const seen = await sameEveryWay(relayed(at().ways), async (door) => {
      await using peer = await RawPeer.connect(door)
      const upgrade = ['Connection: Upgrade', 'Upgrade: tcp']
      peer.write(request('POST', '/exec/0123456789ab/start', {}, upgrade))
      const missing = await peer.answer()
      peer.write(request('POST', `/exec/${exec}/start`, '{"Detach":', upgrade))
      const broken = await peer.answer()
      peer.write(PING)
      return [missing, broken, await peer.answer()].map((answer) => undated(wholeOf(answer)))
    })
    expect(seen.map((answer) => answer.slice(9, 12))).toEqual(['404', '400', '200'])
  })

  test('F19 a detached exec start that asks for an upgrade stays HTTP', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const exec = await createExec(at().engine, running, ['true'])
      await using peer = await RawPeer.connect(door)
      peer.write(
        request('POST', `/exec/${exec}/start`, { Detach: true }, ['Connection: Upgrade', 'Upgrade: tcp']),
      )
      const started = await peer.answer()
      peer.write(PING)
      return [started, await peer.answer()].map((answer) => undated(wholeOf(answer)))
    })
    expect(seen[0]).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Content-Length: 0\r\n\r\n$/)
    expect(seen[1]).toContain('200 OK')
  })

  test('F25 Expect: 100-continue: the engine asks for a body it wants, and not for one it refuses', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const body = JSON.stringify({ Image: 'busybox:latest', HostConfig: { NetworkMode: 'none' } })
      await using good = await RawPeer.connect(door)
      const create = request('POST', '/containers/create', body, ['Expect: 100-continue'])
      good.write(create.slice(0, -body.length))
      const interim = await good.head()
      good.write(body)
      const created = await good.answer()
      await ask(
        at().engine,
        'DELETE',
        `/containers/${(JSON.parse(created.body.toString()) as { Id: string }).Id}`,
      )

      await using missing = await RawPeer.connect(door)
      missing.write(
        [
          'PUT /containers/none-such/archive?path=/ HTTP/1.1',
          'Host: docker',
          'Content-Type: application/x-tar',
          'Content-Length: 1024',
          'Expect: 100-continue',
          '\r\n',
        ].join('\r\n'),
      )
      const refused = await missing.answer()
      return [interim, unvarying(wholeOf(created)), undated(wholeOf(refused))]
    })
    expect(seen.map((answer) => answer.slice(9, 12))).toEqual(['100', '201', '404'])
  })

  test('F31 a relayed create keeps integers above 2^53', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const body = '{"Image":"busybox:latest","HostConfig":{"NetworkMode":"none","Memory":9007199254740993}}'
      const created = await exchange(door, request('POST', '/containers/create', body))
      const { Id } = JSON.parse(created.body.toString()) as { Id: string }
      const inspected = await exchange(door, request('GET', `/containers/${Id}/json`))
      await ask(at().engine, 'DELETE', `/containers/${Id}`)
      return [created.status, /"Memory":(\d+)/.exec(inspected.body.toString())?.[1]]
    })
    expect(seen).toEqual([201, '9007199254740993'])
  })

  test('F33 malformed JSON gets the answer of the engine, and other clients do not notice', async () => {
    // Execs of the tests before may still be ending, and are events too.
    const filters = encodeURIComponent(JSON.stringify({ container: [running.id], event: ['rename'] }))
    const others = await Promise.all(
      LISTENERS.map(async (listener) => {
        const events = await RawPeer.connect(at().ways[listener])
        events.write(request('GET', `/events?filters=${filters}`))
        await events.head()
        const kept = await RawPeer.connect(at().ways[listener])
        kept.write(PING)
        await kept.answer()
        return { events, kept }
      }),
    )

    for (const body of ['{"Image":', '[', '{"Image":1}', 'null', '\xff\xfe', '{}{}']) {
      const seen = await sameEveryWay(relayed(at().ways), async (door) => {
        const answer = await exchange(door, request('POST', '/containers/create', body))
        return undated(wholeOf(answer))
      })
      expect(seen.slice(9, 12)).toMatch(/^[45]/)
    }

    await ask(at().engine, 'POST', `/containers/${running.id}/rename?name=${running.name}-renamed`)
    for (const { events, kept } of others) {
      expect(String(await events.until('}\n'))).toContain('"Action":"rename"')
      kept.write(PING)
      expect((await kept.answer()).status).toBe(200)
      events.destroy()
      kept.destroy()
    }
  })

  test('F34 archives keep their stat header, and their gzip', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      const target = `/containers/${printed.id}/archive?path=/etc/passwd`
      const stat = await exchange(door, request('HEAD', target))
      const plain = await exchange(door, request('GET', target))
      const gzip = await exchange(door, request('GET', target, undefined, ['Accept-Encoding: gzip']))
      return [stat, plain, gzip].map((answer) => ({
        head: undated(answer.head),
        body: answer.body.toString('latin1'),
      }))
    })
    const [stat, plain, gzip] = seen
    expect(fieldsOf(stat!.head, 'x-docker-container-path-stat')).toHaveLength(1)
    expect(plain!.body).toContain('root:x:0:0')
    expect(gzip!.head).toContain('\r\nContent-Encoding: gzip\r\n')
    expect(gzip!.body.startsWith('\x1f\x8b')).toBe(true)
  })

  test('F35 1,000 requests in turn on one connection', async () => {
    for (const listener of LISTENERS) {
      await using peer = await RawPeer.connect(at().ways[listener])
      const open: number[] = []
      for (let turn = 0; turn < 1000; turn++) {
        peer.write(PING)
        expect((await peer.answer()).status).toBe(200)
        open.push(openFiles(at().powerstrip.pid))
      }
      // One connection on either side, from the first to the last; those of tests before this may still be closing.
      expect(open).toEqual(open.toSorted((one, other) => other - one))
      peer.end()
      await peer.rest()
    }
  })

  test.each([
    ['GET /_ping', []],
    ['GET /_ping', ['Connection: keep-alive']],
    ['GET /v1.41/containers/none/json', ['Connection: keep-alive']],
    ['GET /events?since=1&until=2', []],
    ['GET /events?since=1&until=2', ['Connection: keep-alive']],
    ['HEAD /_ping', []],
  ] as const)('F35 HTTP/1.0: %s %j', async (line, fields) => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      peer.write([`${line} HTTP/1.0`, ...fields, '\r\n'].join('\r\n'))
      const head = await peer.head()
      // The end of the client's bytes: a connection that is kept open closes behind the answer.
      peer.end()
      const { bytes, ending } = await peer.rest()
      return { head: undated(head), body: bytes.toString('latin1'), ending }
    })
    expect(seen.head).toMatch(/^HTTP\/1\.0 (?:200|404) /)
    expect(seen.head).not.toContain('chunked')
    expect(seen.ending).toBe('fin')
  })

  test('F36 pipelined requests are answered in order', async () => {
    const seen = await sameEveryWay(at().ways, async (door) => {
      await using peer = await RawPeer.connect(door)
      const missing = request('POST', '/containers/create', { Image: 'none-such' })
      peer.write(PING + missing + request('GET', '/containers/none-such/json') + PING)
      const answers = []
      for (let turn = 0; turn < 4; turn++) answers.push(undated(wholeOf(await peer.answer())))
      return answers
    })
    expect(seen.map((answer) => answer.slice(9, 12))).toEqual(['200', '404', '404', '200'])
  })

  test.each(LISTENERS)('F36 each pipelined request is judged (%s)', async (listener) => {
    await using peer = await RawPeer.connect(at().ways[listener])
    peer.write(`${PING}GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${PING}`)
    expect((await peer.answer()).status).toBe(200)
    expect(await peer.answer()).toMatchObject({ status: 400, framing: 'length' })
    expect((await peer.rest()).bytes).toHaveLength(0)
  })

  test.each(LISTENERS)(
    'F37 what powerstrip refuses is answered as the engine would word it (%s)',
    async (listener) => {
      await using peer = await RawPeer.connect(at().ways[listener])
      peer.write(request('GET', '/containers/../info'))
      const answer = await peer.answer()
      expect(answer.status).toBe(400)
      expect(fieldsOf(answer.head, 'content-type')).toEqual(['application/json'])
      expect(answer.body.toString().endsWith('}\n')).toBe(true)
      expect(JSON.parse(answer.body.toString())).toEqual({
        message: expect.stringMatching(/^the path .+ \(PS-PATH-003\)$/),
      })
      expect(await peer.rest()).toEqual({ bytes: Buffer.alloc(0), ending: 'fin' })
    },
  )

  test.each(LISTENERS)('F37 the CLI prints what powerstrip refuses (%s)', async (listener) => {
    const ended = await docker(at().powerstrip[listener], ['ps'], { env: { DOCKER_API_VERSION: '1.23' } })
    expect(ended).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error response from daemon: API version 1\.23 is older than 1\.24.*\n$/,
      ),
    })
  })

  test('F41 a connection that is kept serves at any time', async () => {
    for (const listener of LISTENERS) {
      await using peer = await RawPeer.connect(at().ways[listener])
      for (const target of ['/_ping', '/v1.41/containers/none-such/json', '/_ping', '/version', '/_ping']) {
        peer.write(request('GET', target))
        expect((await peer.answer()).status).toBe(target.includes('none') ? 404 : 200)
      }
    }
  })
})

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Contender } from './contender.ts'

/** The library most Node proxies are built on. Last released in 2020. */
export const httpProxy: Contender = {
  id: 'http-proxy',
  title: 'http-proxy',
  packages: [],
  async version() {
    const told = await readFile(resolve('node_modules/http-proxy/package.json'), 'utf8')
    return (JSON.parse(told) as { version: string }).version
  },
  launch: (place) => ({
    program: process.execPath,
    args: [
      resolve('bench/contenders/http-proxy-server.mjs'),
      place.engineSocket,
      String(place.port),
      place.socket,
    ],
    files: {},
  }),
}

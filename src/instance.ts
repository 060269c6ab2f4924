import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/**
 * Names this process to its adapters, in `Via`: the host, as it may stand in a header, and what sets several powerstrips on
 * one host apart. A request that brings this name back has gone round in a circle (PS-HEADER-001).
 */
export const INSTANCE = `${hostname().replace(/[^A-Za-z0-9.-]/g, '') || 'unnamed'}-${randomBytes(4).toString('hex')}`

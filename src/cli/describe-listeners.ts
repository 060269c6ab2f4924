/** The listeners of a configuration in a few words each. */
import type { Config, ListenerConfig } from '../config/config.ts'
import { describeAddress } from '../model/address.ts'

/** A line for each listener: `  ci  unix:///run/ci.sock  mode 0660, group ci; 2 endpoints of its own`. */
export function describeListeners({ listeners, rules }: Config): readonly string[] {
  const width = Math.max(0, ...listeners.map(({ name }) => name.length))
  return listeners.map((listener) => {
    const terms = [...termsOf(listener), chainOf(listener, rules)].join('; ')
    return `  ${listener.name.padEnd(width)}  ${describeAddress(listener.address)}  ${terms}`
  })
}

function termsOf({ address, socket, tls, insecure }: ListenerConfig): string[] {
  if (address.kind === 'unix') {
    const mode = `mode 0${socket.mode.toString(8)}`
    const owner = socket.owner === undefined ? [] : [`owner ${socket.owner}`]
    const group = socket.group === undefined ? [] : [`group ${socket.group}`]
    return [[mode, ...owner, ...group].join(', ')]
  }
  if (tls !== undefined)
    return [tls.clientAuth === 'require' ? 'TLS, clients by certificate' : 'TLS, any client']
  return [insecure ? 'no TLS, open to whoever reaches it' : 'no TLS, this machine only']
}

function chainOf(listener: ListenerConfig, shared: Config['rules']): string {
  if (listener.rules === shared) return 'the endpoints of the file'
  const count = listener.rules.length
  return count === 0 ? 'no hooks' : `${count} endpoint${count === 1 ? '' : 's'} of its own`
}

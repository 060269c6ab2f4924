/** The smallest adapter of protocol 2: it labels each create, marks each event and allows everything. */
import { answerOnSocket } from './answer-on-socket.mjs'

const ABILITIES = {
  PowerstripProtocolVersion: 2,
  Name: 'label',
  ProtocolVersions: [2],
  Implements: ['pre-hook', 'validate-hook', 'stream-hook'],
  SideEffects: 'None',
}
const LABEL = { Patch: [{ op: 'add', path: '/Labels/seen', value: 'yes' }] }
const ALLOWED = { status: 204 }

function marked(event, Index) {
  return { Index, Action: 'replace', Event: { ...event, seen: 'yes' } }
}

function said(reply) {
  return { status: 200, type: 'application/vnd.powerstrip.v2+json', body: JSON.stringify(reply) }
}

answerOnSocket(process.argv[2], (method, target, body) => {
  if (method === 'OPTIONS') return said(ABILITIES)
  const call = JSON.parse(body)
  if (target === '/allow') return ALLOWED
  if (call.Type === 'pre-hook') return said(LABEL)
  return call.Part === 'data' ? said({ Events: call.Events.map(marked) }) : ALLOWED
})

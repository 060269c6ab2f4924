/** The smallest adapter of protocol 1 that changes something: it labels each create. */
import { answerOnSocket } from './answer-on-socket.mjs'

answerOnSocket(process.argv[2], (_method, _target, text) => {
  const call = JSON.parse(text)
  const body = JSON.parse(call.ClientRequest.Body)
  body.Labels = { ...body.Labels, [`seen.${Object.keys(body.Labels).length}`]: 'yes' }
  const reply = JSON.stringify({
    PowerstripProtocolVersion: 1,
    ModifiedClientRequest: { Body: JSON.stringify(body) },
  })
  return { status: 200, type: 'application/json', body: reply }
})

import { defineAdapter, options, text } from 'powerstrip/sdk'

/** Labels every new container with the team that owns this host. */
export default defineAdapter({
  name: 'team-label',
  config: options({ team: text() }),
  pre: {
    ContainerCreate({ body, config }) {
      body.Labels = { ...body.Labels, team: config.team }
    },
  },
})

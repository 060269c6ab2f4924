/** The same adapter of protocol 2 as an author writes it: with the SDK, which serves it with fastify. */
import { defineAdapter, serve } from '../../src/sdk/index.ts'

const label = defineAdapter({
  name: 'label',
  sideEffects: 'None',
  pre: {
    ContainerCreate({ body }) {
      body.Labels = { ...body.Labels, seen: 'yes' }
    },
  },
})

await serve(label, { listen: `unix://${process.argv[2]}` })

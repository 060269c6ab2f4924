import { defineAdapter } from 'powerstrip/sdk'

/** Who does not say as whom a container runs gets one that runs as nobody. */
export default defineAdapter({
  name: 'default-user',
  pre: {
    ContainerCreate({ body }) {
      body.User ||= '65534:65534'
    },
  },
})

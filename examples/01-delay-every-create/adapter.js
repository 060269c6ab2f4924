import { setTimeout } from 'node:timers/promises'
import { defineAdapter } from 'powerstrip/sdk'

/** Every new container waits two seconds before the engine hears of it. */
export default defineAdapter({
  name: 'delay',
  pre: {
    async ContainerCreate({ signal }) {
      await setTimeout(2000, undefined, { signal })
    },
  },
})

import { defineAdapter } from 'powerstrip/sdk'

/** Refuses containers that run as root, or as whoever the image says. */
export default defineAdapter({
  name: 'no-root',
  pre: {
    ContainerCreate({ body, deny }) {
      const [user] = (body.User ?? '').split(':')
      if (user === 'root' || user === '' || Number(user) === 0)
        return deny('containers here do not run as root')
    },
  },
})

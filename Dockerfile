# powerstrip in a container. Everything that goes in is made before, by `npm ci` and `npm prune --omit=dev`: nothing is
# fetched while the image is built. docs/docker.md has the commands.
ARG BASE=node:20-bookworm-slim
FROM ${BASE}

# Owned by the user that it runs as, and so is a new volume that is mounted there.
RUN mkdir -p /run/powerstrip && chown 1000:1000 /run/powerstrip

WORKDIR /opt/powerstrip
COPY package.json LICENSE ./
COPY node_modules node_modules
COPY dist dist

# Not root. Whoever may open the engine's socket is set from outside: --group-add.
USER 1000:1000
ENTRYPOINT ["node", "/opt/powerstrip/dist/src/main.js"]
CMD ["serve", "--listen", "unix:///run/powerstrip/docker.sock"]

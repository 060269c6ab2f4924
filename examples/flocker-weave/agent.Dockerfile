# powerstrip with what its agent needs besides: it reads and writes every file of every dataset, as root.
FROM powerstrip
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends attr && rm -rf /var/lib/apt/lists/*

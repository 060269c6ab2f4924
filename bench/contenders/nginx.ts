import { run } from '../../test/support/engine/run.ts'
import type { Contender } from './contender.ts'

/** Debian's nginx, in its smallest build: all modules that a proxy needs are in it. */
export const nginx: Contender = {
  id: 'nginx',
  title: 'nginx',
  packages: ['nginx-light'],
  async version() {
    // It tells its version on standard error.
    const told = (await run('nginx', ['-v'])).stderr
    return /nginx\/(\S+)/.exec(told)?.[1] ?? told
  },
  launch: (place) => ({
    program: 'nginx',
    args: ['-c', `${place.dir}/nginx.conf`, '-p', place.dir, '-e', `${place.dir}/error.log`],
    files: {
      'nginx.conf': `
daemon off;
# The engine's socket belongs to root.
user root;
worker_processes auto;
worker_rlimit_nofile 8192;
pid ${place.dir}/nginx.pid;
error_log ${place.dir}/error.log warn;

events {
  # Two connections a client, for more than a thousand idle streams at once.
  worker_connections 4096;
}

http {
  access_log off;
  tcp_nodelay on;
  client_body_temp_path ${place.dir}/body;
  proxy_temp_path ${place.dir}/proxy;
  fastcgi_temp_path ${place.dir}/fastcgi;
  uwsgi_temp_path ${place.dir}/uwsgi;
  scgi_temp_path ${place.dir}/scgi;

  # By default a kept connection is closed after a thousand requests.
  keepalive_requests 1000000000;
  keepalive_timeout 1h;

  upstream engine {
    server unix:${place.engineSocket};
    keepalive 128;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }

  # attach, exec and BuildKit upgrade; everything else keeps its engine connection.
  map $http_upgrade $connection_upgrade {
    default upgrade;
    '' '';
  }

  server {
    listen 127.0.0.1:${place.port};
    listen unix:${place.socket};

    # Build contexts have any size.
    client_max_body_size 0;

    location / {
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      # Streams go on as they come, both ways: no answer and no upload is collected in memory or on disk first.
      proxy_buffering off;
      proxy_request_buffering off;
      # Followed logs and events are silent for as long as nothing happens.
      proxy_read_timeout 24d;
      proxy_send_timeout 24d;
    }
  }
}
`,
    },
  }),
}

import { defineAdapter } from 'powerstrip/sdk'
import { checkAddresses, connectToRest, explainRefusal, placeOnNetworks } from './docker-networks.ts'
import { followContainers } from './router/follow.ts'
import { attachAfterStart, holdBack, holdBackExec, showAddress } from './router/held-back.ts'
import { readSettings, type Settings } from './settings.ts'

/**
 * Gives containers the addresses that they ask for in `WEAVE_CIDR`: on Docker networks that hosts may share, or on the network of
 * a Weave router that runs here, where `router` names one.
 */
export default defineAdapter<Settings>({
  name: 'weave',
  version: '2.0.0',
  idempotent: true,
  config: readSettings,
  pre: {
    ContainerCreate: (ctx) =>
      ctx.config.router === undefined ? placeOnNetworks(ctx) : holdBack(ctx, ctx.config.router),
    ContainerStart: (ctx) => (ctx.config.router === undefined ? checkAddresses(ctx) : undefined),
    ContainerExec: (ctx) => (ctx.config.router === undefined ? undefined : holdBackExec(ctx)),
  },
  post: {
    ContainerCreate: (ctx) => (ctx.config.router === undefined ? connectToRest(ctx) : undefined),
    ContainerStart: (ctx) =>
      ctx.config.router === undefined ? explainRefusal(ctx) : attachAfterStart(ctx, ctx.config.router),
    ContainerRestart: (ctx) =>
      ctx.config.router === undefined ? undefined : attachAfterStart(ctx, ctx.config.router),
    ContainerInspect: (ctx) => (ctx.config.router?.rewriteInspect ? showAddress(ctx) : undefined),
  },
  background: (ctx) =>
    ctx.config.router === undefined ? Promise.resolve() : followContainers(ctx, ctx.config.router),
})

/**
 * Kinds of secrets that adapters are shown only where the configuration grants it.
 *
 * `registry`: credentials for registries. `data`: what secrets and configs hold. `swarm`: tokens and keys of a swarm.
 * `buildArgs`: the arguments of builds.
 */
export const SECRET_KINDS = ['registry', 'data', 'swarm', 'buildArgs'] as const
export type SecretKind = (typeof SECRET_KINDS)[number]

/** Several Docker hosts on this machine, joined by a link: for tests, the demo and benchmarks. */
export { type Host, type Hosts, type HostsOptions, startHosts } from './hosts.ts'
export { formSwarm } from './swarm.ts'

/**
 * The engine's own list of routes, router by router, in the order in which it registers them (engines 20.10 to 29). Its
 * router takes the first one that matches: `{x}` is one segment, `{x:.*}` anything up to the fixed words behind it.
 *
 * Written by hand from the engine's routers, so that the generated table has something to be compared with.
 */
const ROUTERS = `
GET    /containers/{id:.*}/checkpoints                CheckpointList
POST   /containers/{id:.*}/checkpoints                CheckpointCreate
DELETE /containers/{id}/checkpoints/{checkpoint}      CheckpointDelete

HEAD   /containers/{id:.*}/archive                    ContainerArchiveInfo
GET    /containers/json                               ContainerList
GET    /containers/{id:.*}/export                     ContainerExport
GET    /containers/{id:.*}/changes                    ContainerChanges
GET    /containers/{id:.*}/json                       ContainerInspect
GET    /containers/{id:.*}/top                        ContainerTop
GET    /containers/{id:.*}/logs                       ContainerLogs
GET    /containers/{id:.*}/stats                      ContainerStats
GET    /containers/{id:.*}/attach/ws                  ContainerAttachWebsocket
GET    /exec/{id:.*}/json                             ExecInspect
GET    /containers/{id:.*}/archive                    ContainerArchive
POST   /containers/create                             ContainerCreate
POST   /containers/{id:.*}/kill                       ContainerKill
POST   /containers/{id:.*}/pause                      ContainerPause
POST   /containers/{id:.*}/unpause                    ContainerUnpause
POST   /containers/{id:.*}/restart                    ContainerRestart
POST   /containers/{id:.*}/start                      ContainerStart
POST   /containers/{id:.*}/stop                       ContainerStop
POST   /containers/{id:.*}/wait                       ContainerWait
POST   /containers/{id:.*}/resize                     ContainerResize
POST   /containers/{id:.*}/attach                     ContainerAttach
POST   /containers/{id:.*}/copy                       ContainerCopy
POST   /containers/{id:.*}/exec                       ContainerExec
POST   /exec/{id:.*}/start                            ExecStart
POST   /exec/{id:.*}/resize                           ExecResize
POST   /containers/{id:.*}/rename                     ContainerRename
POST   /containers/{id:.*}/update                     ContainerUpdate
POST   /containers/prune                              ContainerPrune
POST   /commit                                        ImageCommit
PUT    /containers/{id:.*}/archive                    PutContainerArchive
DELETE /containers/{id:.*}                            ContainerDelete

GET    /images/json                                   ImageList
GET    /images/search                                 ImageSearch
GET    /images/get                                    ImageGetAll
GET    /images/{name:.*}/get                          ImageGet
GET    /images/{name:.*}/history                      ImageHistory
GET    /images/{name:.*}/json                         ImageInspect
GET    /images/{name:.*}/attestations                 ImageAttestations
POST   /images/load                                   ImageLoad
POST   /images/create                                 ImageCreate
POST   /images/{name:.*}/push                         ImagePush
POST   /images/{name:.*}/tag                          ImageTag
POST   /images/prune                                  ImagePrune
DELETE /images/{name:.*}                              ImageDelete

OPTIONS /{path:.*}                                    Options
GET    /_ping                                         SystemPing
HEAD   /_ping                                         SystemPingHead
GET    /events                                        SystemEvents
GET    /info                                          SystemInfo
GET    /version                                       SystemVersion
GET    /system/df                                     SystemDataUsage
POST   /auth                                          SystemAuth

GET    /volumes                                       VolumeList
GET    /volumes/{name:.*}                             VolumeInspect
POST   /volumes/create                                VolumeCreate
POST   /volumes/prune                                 VolumePrune
PUT    /volumes/{name:.*}                             VolumeUpdate
DELETE /volumes/{name:.*}                             VolumeDelete

POST   /build                                         ImageBuild
POST   /build/prune                                   BuildPrune
POST   /build/cancel                                  BuildCancel

POST   /session                                       Session

POST   /swarm/init                                    SwarmInit
POST   /swarm/join                                    SwarmJoin
POST   /swarm/leave                                   SwarmLeave
GET    /swarm                                         SwarmInspect
GET    /swarm/unlockkey                               SwarmUnlockkey
POST   /swarm/update                                  SwarmUpdate
POST   /swarm/unlock                                  SwarmUnlock
GET    /services                                      ServiceList
GET    /services/{id}                                 ServiceInspect
POST   /services/create                               ServiceCreate
POST   /services/{id}/update                          ServiceUpdate
DELETE /services/{id}                                 ServiceDelete
GET    /services/{id}/logs                            ServiceLogs
GET    /nodes                                         NodeList
GET    /nodes/{id}                                    NodeInspect
DELETE /nodes/{id}                                    NodeDelete
POST   /nodes/{id}/update                             NodeUpdate
GET    /tasks                                         TaskList
GET    /tasks/{id}                                    TaskInspect
GET    /tasks/{id}/logs                               TaskLogs
GET    /secrets                                       SecretList
POST   /secrets/create                                SecretCreate
DELETE /secrets/{id}                                  SecretDelete
GET    /secrets/{id}                                  SecretInspect
POST   /secrets/{id}/update                           SecretUpdate
GET    /configs                                       ConfigList
POST   /configs/create                                ConfigCreate
DELETE /configs/{id}                                  ConfigDelete
GET    /configs/{id}                                  ConfigInspect
POST   /configs/{id}/update                           ConfigUpdate

GET    /plugins                                       PluginList
GET    /plugins/{name:.*}/json                        PluginInspect
GET    /plugins/privileges                            GetPluginPrivileges
DELETE /plugins/{name:.*}                             PluginDelete
POST   /plugins/{name:.*}/enable                      PluginEnable
POST   /plugins/{name:.*}/disable                     PluginDisable
POST   /plugins/pull                                  PluginPull
POST   /plugins/{name:.*}/push                        PluginPush
POST   /plugins/{name:.*}/upgrade                     PluginUpgrade
POST   /plugins/{name:.*}/set                         PluginSet
POST   /plugins/create                                PluginCreate

GET    /distribution/{name:.*}/json                   DistributionInspect

POST   /grpc                                          Grpc

GET    /networks                                      NetworkList
GET    /networks/                                     NetworkList
GET    /networks/{id:.+}                              NetworkInspect
POST   /networks/create                               NetworkCreate
POST   /networks/{id:.*}/connect                      NetworkConnect
POST   /networks/{id:.*}/disconnect                   NetworkDisconnect
POST   /networks/prune                                NetworkPrune
DELETE /networks/{id:.*}                              NetworkDelete
`

export interface EngineRoute {
  readonly method: string
  /** As the engine writes it. */
  readonly template: string
  readonly id: string
}

export const ENGINE_ROUTES: readonly EngineRoute[] = ROUTERS.split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [method, template, id] = line.split(/ +/)
    return { method: method!, template: template!, id: id! }
  })

/** What the engine's router makes of a clean, decoded path without a version. */
export function routeByEngine(
  method: string,
  path: string,
): { readonly id: string; readonly params: Readonly<Record<string, string>> } | undefined {
  for (const route of ENGINE_ROUTES) {
    if (route.method !== method) continue
    const match = expressionFor(route.template).exec(path)
    if (match !== null) return { id: route.id, params: { ...match.groups } }
  }
  return undefined
}

function expressionFor(template: string): RegExp {
  const expression = template.replaceAll(/\{(\w+)(?::([^}]+))?\}/g, (_, name: string, own?: string) => {
    return `(?<${name}>${own ?? '[^/]+'})`
  })
  return new RegExp(`^${expression}$`, 's')
}

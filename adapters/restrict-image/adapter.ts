import {
  type Decision,
  defineAdapter,
  flag,
  options,
  texts,
  type ValidateContext,
  type ValidateSpec,
} from 'powerstrip/sdk'
import { DOCKER_HUB, isRegistry, mayBeId, originOf } from './image-name.ts'

interface Config {
  /**
   * Where images may come from: an owner on Docker Hub (`acme`), Docker Hub's own images (`_`), a registry
   * (`registry.example`), or an owner there (`registry.example/acme`).
   */
  readonly allow: readonly string[]
  /** Whether pulling and importing is judged too. */
  readonly pulls: boolean
}

/** The same before other adapters have changed a request and after, as the configuration has it. */
const JUDGES: ValidateSpec<Config> = {
  ContainerCreate(ctx) {
    const image: unknown = ctx.body.Image
    if (typeof image !== 'string' || image === '') return ctx.deny('the request names no image')
    if (mayBeId(image))
      return ctx.deny(
        `"${image}" may be the id of an image, which tells no owner; write the name with its tag, as in ${image.startsWith('sha256:') ? 'acme/web:latest' : `${image}:latest`}`,
      )
    return judge(ctx, image)
  },
  ImageCreate(ctx) {
    if (!ctx.config.pulls) return
    const pulled = ctx.query.get('fromImage') || ctx.query.get('repo')
    // An import that gets no name can only be used by its id.
    return pulled ? judge(ctx, pulled) : undefined
  },
}

/** Lets containers start only from images of named owners and registries. */
export default defineAdapter<Config>({
  name: 'restrict-image',
  version: '1.1.0',
  sideEffects: 'None',
  idempotent: true,
  config: options({ allow: texts(), pulls: flag() }),
  pre: JUDGES,
  validate: JUDGES,
})

function judge(ctx: Pick<ValidateContext<'*', Config>, 'config' | 'deny'>, image: string): Decision {
  const { registry, owner } = originOf(image)
  if (ctx.config.allow.some((rule) => matches(rule, registry, owner))) return
  return ctx.deny(
    `the image "${image}" is not allowed here; allowed: ${ctx.config.allow.join(', ') || 'none'}`,
  )
}

function matches(rule: string, registry: string, owner: string): boolean {
  const [first = '', rest] = rule.split('/')
  if (isRegistry(first)) return registry === first.toLowerCase() && (rest === undefined || rest === owner)
  return registry === DOCKER_HUB && owner === (first === '_' ? 'library' : first)
}

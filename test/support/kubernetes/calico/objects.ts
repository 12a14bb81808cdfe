import { type ApiClient, type ApiObject, ApiProblem, type SentObject } from '../api-client.ts'
import { type CalicoGroup, calicoPath, versionOf } from '../calico-definitions.ts'
import type { BlockSpec } from './block.ts'
import type { Step, Steps } from './steps.ts'

/** The spec of an affinity. In `crd.projectcalico.org`, `deleted` is a text. */
export interface AffinitySpec {
  readonly cidr: string
  readonly node: string
  readonly type?: string
  readonly state: string
  readonly deleted: boolean | string
}

/** The spec of a handle. Its id may have capitals, which its name has not. */
export interface HandleSpec {
  readonly handleID: string
  /** From the CIDR of a block to how many addresses. */
  readonly block: Readonly<Record<string, number>>
  readonly deleted?: boolean
}

interface Specs {
  readonly block: BlockSpec
  readonly affinity: AffinitySpec
  readonly handle: HandleSpec
}

const kinds = {
  block: { kind: 'IPAMBlock', plural: 'ipamblocks', softDeleted: 'block soft-deleted', deleted: 'block deleted' },
  affinity: {
    kind: 'BlockAffinity',
    plural: 'blockaffinities',
    softDeleted: 'affinity soft-deleted',
    deleted: 'affinity deleted',
  },
  handle: { kind: 'IPAMHandle', plural: 'ipamhandles', softDeleted: 'handle soft-deleted', deleted: 'handle deleted' },
} as const satisfies Record<keyof Specs, { kind: string; plural: string; softDeleted: Step; deleted: Step }>

/**
 * Blocks, affinities or handles, read and written as Calico's client does: a write sends name, version and spec, so that everything else in
 * the metadata is lost; and a deletion takes two steps.
 */
export class CalicoObjects<Which extends keyof Specs> {
  readonly #client: ApiClient
  readonly #group: CalicoGroup
  readonly #which: Which

  constructor(client: ApiClient, group: CalicoGroup, which: Which) {
    this.#client = client
    this.#group = group
    this.#which = which
  }

  /** The object. If another client has begun to delete it, ends that, and returns undefined. */
  async read(name: string): Promise<ApiObject<Specs[Which]> | undefined> {
    const object = await this.#client.find<Specs[Which]>(this.#path(name))
    if (object === undefined || !isSoftDeleted(object)) return object
    for await (const _ of this.delete(object)) continue
    return undefined
  }

  /** All of them, also those that another client has begun to delete, in the order of their names. */
  async list(labels: Readonly<Record<string, string>> = {}): Promise<readonly ApiObject<Specs[Which]>[]> {
    const selector = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
    return this.#client.list(`${this.#path()}?labelSelector=${encodeURIComponent(selector.join(','))}`)
  }

  /** Creates an object. Undefined if there is one. */
  async create(
    name: string,
    spec: Specs[Which],
    labels?: Readonly<Record<string, string>>,
  ): Promise<ApiObject<Specs[Which]> | undefined> {
    try {
      return await this.#client.create(
        this.#path(),
        this.#draft({ name, ...(labels !== undefined && { labels }) }, spec),
      )
    } catch (error) {
      if (!(error instanceof ApiProblem && error.reason === 'AlreadyExists')) throw error
      return undefined
    }
  }

  /** Replaces the spec of an object. Throws ApiProblem, which is a conflict if the object is not as it was read. */
  async write({ metadata }: ApiObject<Specs[Which]>, spec: Specs[Which]): Promise<ApiObject<Specs[Which]>> {
    const { name, resourceVersion, uid, labels } = metadata
    const own = {
      name,
      resourceVersion,
      ...(this.#which === 'handle' && { uid }),
      ...(this.#which === 'affinity' && labels !== undefined && { labels }),
    }
    return this.#client.replace(this.#path(name), this.#draft(own, spec))
  }

  /** Deletes an object in two steps: marks it, if it is as it was read; then deletes it, if it is still the same one. */
  async *delete(object: ApiObject<Specs[Which]>): Steps<undefined> {
    const { softDeleted, deleted } = kinds[this.#which]
    await this.write(object, { ...object.spec, deleted: this.#deletion(true) })
    yield softDeleted
    const path = this.#path(object.metadata.name)
    const marked = await this.#client.find(path)
    if (marked === undefined) return undefined
    try {
      await this.#client.delete(path, { uid: object.metadata.uid })
    } catch (error) {
      // Another client was faster. Calico knows one of the two texts for another uid; the other is a conflict to it.
      const isGone =
        error instanceof ApiProblem && (error.status === 404 || error.message.includes('UID in precondition'))
      if (!isGone) throw error
    }
    yield deleted
    return undefined
  }

  /** How an object says that it is not being deleted. */
  get noDeletion(): boolean | string {
    return this.#deletion(false)
  }

  #deletion(isDeleted: boolean): boolean | string {
    const isText = this.#which === 'affinity' && this.#group === 'crd.projectcalico.org'
    return isText ? String(isDeleted) : isDeleted
  }

  #path(name?: string): string {
    return calicoPath(this.#group, kinds[this.#which].plural, name)
  }

  #draft(metadata: SentObject['metadata'], spec: Specs[Which]): SentObject & { readonly spec: Specs[Which] } {
    const { kind } = kinds[this.#which]
    const apiVersion = `${this.#group}/${versionOf(this.#group)}`
    if (this.#group === 'projectcalico.org') return { apiVersion, kind, metadata, spec }
    // The metadata of `projectcalico.org/v3`, packed.
    const packed = JSON.stringify(metadata.labels === undefined ? {} : { labels: metadata.labels })
    const annotations = { 'projectcalico.org/metadata': packed }
    return { apiVersion, kind, metadata: { ...metadata, annotations }, spec }
  }
}

function isSoftDeleted({ spec }: ApiObject<{ readonly deleted?: boolean | string }>): boolean {
  return spec.deleted === true || spec.deleted === 'true'
}

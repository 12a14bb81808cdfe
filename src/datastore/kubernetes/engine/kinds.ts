import { randomUUID } from 'node:crypto'
import type { Key, Revision } from '../../../plan/index.ts'
import type { HeldFamily, Image } from '../../image/index.ts'
import type { Probe } from '../../probe.ts'
import { type ApiClient, ObjectClient, revisionOf } from '../api/index.ts'
import { type FormOf, nameIn, type ObjectForm } from '../forms/index.ts'
import { ImageFeed, Informer, ObjectWriter } from '../objects/index.ts'

/** One kind of objects: what it holds in memory, and how it is read and written. */
export interface StoredKind {
  readonly form: ObjectForm
  readonly families: readonly HeldFamily[]
  readonly objects: ObjectClient
  readonly feed: ImageFeed
  readonly informer: Informer
  readonly writer: ObjectWriter
}

/** How long one request to the API server may take, in milliseconds. */
const requestTimeoutMs = 10_000

/** The kinds of objects that the families of an image are stored in. */
export class StoredKinds {
  readonly #byFamily = new Map<string, StoredKind>()

  /** Throws an Error if a family has no form. */
  constructor(client: ApiClient, image: Image, formOf: FormOf, probe: Pick<Probe, 'watchBroke'>) {
    const families = new Map<ObjectForm, HeldFamily[]>()
    for (const held of image.families()) {
      const form = formOf(held.family)
      if (form === undefined) throw new Error(`${held.family.name} cannot be stored in an API server`)
      families.set(form, [...(families.get(form) ?? []), held])
    }
    for (const [form, held] of families) {
      const kind = openKind(client, form, held, probe)
      for (const { family } of held) this.#byFamily.set(family.prefix, kind)
    }
  }

  /** The kind that holds a family. Throws if the family was not declared. */
  of({ prefix }: Pick<Key<unknown>['family'], 'prefix'>): StoredKind {
    const kind = this.#byFamily.get(prefix)
    if (kind === undefined) throw new Error(`No family with the prefix ${prefix} was declared.`)
    return kind
  }

  /** Each kind once. */
  all(): ReadonlySet<StoredKind> {
    return new Set(this.#byFamily.values())
  }

  /** Reads all that is to be in memory, and follows it from then on. Throws `ApiFailure`. */
  async start(probe: Pick<Probe, 'familyLoaded'>): Promise<void> {
    await Promise.all(
      [...this.all()].filter(isFollowed).map(async ({ informer, families }) => {
        const startedMs = performance.now()
        await informer.start()
        const durationMs = performance.now() - startedMs
        for (const { family, size } of families) probe.familyLoaded({ family: family.name, keys: size, durationMs })
      }),
    )
  }

  /** The reason for which a watch is not open; undefined while all are. */
  get problem(): string | undefined {
    for (const kind of this.all()) {
      const problem = isFollowed(kind) ? kind.informer.problem : undefined
      if (problem !== undefined) return `${kind.form.kind.plural}: ${problem}`
    }
    return undefined
  }

  /** Follows nothing more. */
  async close(): Promise<void> {
    await Promise.all([...this.all()].map(({ informer }) => informer.close()))
  }

  /** Reads a key into memory. Returns the version of its object; 0 if there is none. Throws `ApiFailure`. */
  async fetch({ family, text }: Key<unknown>): Promise<Revision> {
    const { form, objects, feed, informer } = this.of(family)
    const asOf = informer.revision
    const name = form.nameOf(text)
    const object = name.ok ? await objects.get(name.name) : undefined
    const entry = object === undefined ? undefined : form.read(object)
    if (object === undefined || entry === undefined || entry.isDeleted) {
      feed.gone(text, asOf)
      return 0n
    }
    if (entry.key === text) feed.found(object, asOf)
    else feed.taken(text, object)
    return revisionOf(object)
  }
}

/** Of what is only read, and not kept, changes are of no use. */
function isFollowed({ form, families }: StoredKind): boolean {
  return form.write !== undefined || families.some(({ isComplete }) => isComplete)
}

function openKind(
  client: ApiClient,
  form: ObjectForm,
  families: readonly HeldFamily[],
  probe: Pick<Probe, 'watchBroke'>,
): StoredKind {
  const objects = new ObjectClient(client, form.kind, requestTimeoutMs)
  const feed = new ImageFeed(form, families)
  const informer = new Informer({
    objects,
    listener: feed,
    ...(form.labelSelector !== undefined && { labelSelector: form.labelSelector }),
    broke: (error) => {
      probe.watchBroke({ watch: 'image', error })
    },
  })
  const writer = new ObjectWriter({ objects, versions: informer, newStamp: randomUUID })
  return { form, families, objects, feed, informer, writer }
}

/** Names and versions of all objects of a kind, at a revision. */
export interface Versions {
  readonly revision: Revision
  readonly ofNames: ReadonlyMap<string, Revision>
}

/** Lists names and versions. Throws `ApiFailure`. */
export async function listVersions({ objects, form }: StoredKind): Promise<Versions> {
  const ofNames = new Map<string, Revision>()
  const options = {
    isMetadataOnly: true,
    limit: 5_000,
    ...(form.labelSelector !== undefined && { labelSelector: form.labelSelector }),
  }
  let page = await objects.list(options)
  for (;;) {
    for (const object of page.objects) ofNames.set(nameIn(object), revisionOf(object))
    if (page.continue === undefined) return { revision: page.revision, ofNames }
    page = await objects.list({ ...options, continue: page.continue })
  }
}

import { parseExact, printExact } from '../support/kubernetes/exact-json.ts'
import type { BlockSpec } from '../support/kubernetes/calico/block.ts'
import type { AffinitySpec, HandleSpec } from '../support/kubernetes/calico/objects.ts'
import type { Change, RevisionOfKeys } from './history.ts'

/** The prefix of the keys at which a Kubernetes API server keeps the objects of an API group that a definition describes. */
export function registryPrefix(group: string): string {
  return `/registry/${group}/`
}

/** What is read of the objects of a run, in the terms of Calico's keys. */
export interface KubernetesHistory {
  /** Every revision that changes one of Calico's objects. One that is being deleted has gone already. */
  readonly revisions: readonly RevisionOfKeys[]
  /** Objects that came back after somebody had begun to delete them: a slower client deletes them all the same. */
  readonly revived: readonly string[]
}

/**
 * Translates revisions of the etcd below a Kubernetes API server, which hold objects, to revisions of Calico's keys, as `check` takes them.
 * `group` is one of Calico's.
 */
export function readKubernetesHistory(revisions: readonly RevisionOfKeys[], group: string): KubernetesHistory {
  const translator = new Translator(registryPrefix(group))
  const translated = revisions.map(({ revision, changes }) => {
    return { revision, changes: changes.flatMap((change) => translator.translate(change, revision)) }
  })
  return { revisions: translated.filter(({ changes }) => changes.length > 0), revived: translator.revived }
}

interface StoredObject {
  readonly metadata: { readonly uid: string }
  readonly spec: Readonly<Record<string, unknown>>
}

class Translator {
  readonly revived: string[] = []
  readonly #prefix: string
  /** Calico's key by that of the object, which does not always tell it. */
  readonly #keys = new Map<string, string>()
  /** The uids of objects that somebody has begun to delete. */
  readonly #leaving = new Set<string>()

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  translate({ key, text }: Change, revision: bigint): readonly Change[] {
    if (!key.startsWith(this.#prefix)) return []
    const [plural = '', name = ''] = key.slice(this.#prefix.length).split('/')
    if (text === undefined) {
      const gone = this.#keys.get(key)
      this.#keys.delete(key)
      return gone === undefined ? [] : [{ key: gone }]
    }
    const { metadata, spec } = parseExact(text) as StoredObject
    const translated = translateObject(plural, name, spec)
    if (translated === undefined) return []
    const isLeaving = spec['deleted'] === true || spec['deleted'] === 'true'
    if (isLeaving) {
      this.#leaving.add(metadata.uid)
      this.#keys.delete(key)
      return [{ key: translated.key }]
    }
    if (this.#leaving.has(metadata.uid)) this.revived.push(`revision ${revision}: ${plural} ${name} is revived`)
    this.#keys.set(key, translated.key)
    return [translated]
  }
}

/** The key and the value that an object has in Calico's own etcd; undefined for objects that are not compared. */
function translateObject(plural: string, name: string, spec: object): Change | undefined {
  const root = '/calico/ipam/v2/'
  switch (plural) {
    case 'ipamblocks': {
      const block = spec as BlockSpec
      const text = printExact({ ...block, affinity: block.affinity ?? null })
      return { key: `${root}assignment/${blockPath(block.cidr)}`, text }
    }
    case 'blockaffinities': {
      const { type = 'host', node, cidr, state } = spec as AffinitySpec
      // Old Calico wrote no state for a complete claim.
      return { key: `${root}${type}/${node}/${blockPath(cidr)}`, text: JSON.stringify({ state: state || 'confirmed' }) }
    }
    case 'ipamhandles': {
      const { handleID, block } = spec as HandleSpec
      return { key: `${root}handle/${handleID}`, text: JSON.stringify({ block }) }
    }
    case 'ippools':
      return { key: `/calico/resources/v3/projectcalico.org/ippools/${name}`, text: JSON.stringify({ spec }) }
    default:
      return undefined
  }
}

function blockPath(cidr: string): string {
  return `ipv${cidr.includes(':') ? 6 : 4}/block/${cidr.replace('/', '-')}`
}

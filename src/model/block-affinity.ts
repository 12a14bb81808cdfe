import type { Cidr, IpFamily } from '../net/index.ts'
import type { Family, Key } from '../plan/index.ts'
import { formatBlockPath, type AffinityHost, parseBlockPath } from './block/index.ts'
import {
  type JsonObject,
  stringifyString,
  decodeJson,
  declareFields,
  mismatch,
  noFields,
  readBoolean,
  readString,
  readStruct,
  stringifyStruct,
} from './json/index.ts'

/** How far the claim or the release of a block has progressed. */
export type AffinityState = 'confirmed' | 'pending' | 'pendingDeletion'

/** The stored affinity of a block to a node. Its key names both. @see docs/calico/formats.md section 2.4 */
export interface Affinity {
  readonly state: AffinityState
  /** Used by Calico's Kubernetes datastore only; always false in etcd. */
  readonly deleted: boolean
  readonly unknownFields: JsonObject
}

/** The block affinity of a complete claim. */
export const confirmedAffinity: Affinity = { state: 'confirmed', deleted: false, unknownFields: noFields }

/**
 * The block affinities of nodes. Old Calico left a marker for each node under the same prefix, `/calico/ipam/v2/host/<node>`. It is
 * reported as unreadable and does no harm, because no block affinity has its key.
 */
export const affinities: Family<Affinity> = affinityFamily('affinities', 'host')

/** The block affinities of virtual hosts such as `load-balancer`. */
export const virtualAffinities: Family<Affinity> = affinityFamily('virtual affinities', 'virtual')

/** The key of the affinity of block `cidr` to `host`. */
export function affinityKey(host: AffinityHost, cidr: Cidr): Key<Affinity> {
  const family = host.type === 'host' ? affinities : virtualAffinities
  return { family, text: `${family.prefix}${host.name}/${formatBlockPath(cidr)}` }
}

/** The prefix of all block affinities to `host`, of one IP version. */
export function affinityPrefix(host: AffinityHost, family: IpFamily): string {
  return `/calico/ipam/v2/${host.type}/${host.name}/ipv${family}/block/`
}

/** The parts of a block affinity's key. */
interface AffinityKeyParts {
  readonly host: AffinityHost
  readonly cidr: Cidr
}

/** Parses a key that {@link affinityKey} makes; undefined for any other key. */
export function parseAffinityKey(text: string): AffinityKeyParts | undefined {
  for (const type of ['host', 'virtual'] as const) {
    const prefix = `/calico/ipam/v2/${type}/`
    if (!text.startsWith(prefix)) continue
    const nameEnd = text.indexOf('/', prefix.length)
    const name = text.slice(prefix.length, nameEnd)
    const cidr = nameEnd > prefix.length ? parseBlockPath(text.slice(nameEnd + 1)) : undefined
    if (cidr !== undefined) return { host: { type, name }, cidr }
  }
  return undefined
}

const affinityFields = declareFields('state', 'deleted')

function affinityFamily(name: string, type: AffinityHost['type']): Family<Affinity> {
  return {
    name,
    prefix: `/calico/ipam/v2/${type}/`,
    held: 'values',
    part: 'affinity',
    decode(key, text) {
      if (parseAffinityKey(key) === undefined) return { ok: false, problem: `${key}: not the key of a block affinity` }
      return decodeJson(text === '' ? '{}' : text, (json) => {
        const { fields, unknownFields } = readStruct(json, affinityFields, 'affinity')
        const state = readString(fields['state'], 'state') ?? ''
        return { state: readState(state), deleted: readBoolean(fields['deleted'], 'deleted'), unknownFields }
      })
    },
    encode({ state, deleted, unknownFields }) {
      return stringifyStruct(
        [
          ['state', stringifyString(state)],
          ['deleted', String(deleted)],
        ],
        unknownFields,
      )
    },
    lead: leadAffinity,
  }
}

/** The affinity marked as unfinished while its block changes: `pending` before a claim, `pendingDeletion` before it is given up. */
function leadAffinity(before: Affinity | undefined, after: Affinity | undefined): Affinity | undefined {
  if (after === undefined) {
    return before === undefined || before.state === 'pendingDeletion'
      ? undefined
      : { ...before, state: 'pendingDeletion' }
  }
  if (after.state !== 'confirmed') return after.state === before?.state ? undefined : after
  return before === undefined || before.state === 'pendingDeletion' ? { ...after, state: 'pending' } : undefined
}

/** Old Calico wrote no state for a complete claim. */
function readState(text: string): AffinityState {
  if (text === '') return 'confirmed'
  if (text === 'confirmed' || text === 'pending' || text === 'pendingDeletion') return text
  throw mismatch('state', 'confirmed, pending or pendingDeletion', text)
}

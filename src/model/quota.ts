import type { Cidr } from '../net/index.ts'
import type { Family, Key, Lookup, Observer } from '../plan/index.ts'
import { type AccessSubject, subjectKinds } from './access-policy.ts'
import { blockKey, blocks } from './block/index.ts'
import {
  decodeJson,
  declareFields,
  Malformed,
  readInteger,
  readObject,
  readStruct,
  readUint64,
  stringifyMembers,
} from './json/index.ts'

/** A rule that limits how many addresses are held under it, for one of the subjects of its policy. */
export interface Quota {
  readonly policy: string
  /** The position of the rule in its policy. */
  readonly position: number
  readonly subject: AccessSubject
}

/** The number of addresses held under a quota. It is at least the sum of its charges, see {@link Charges}. */
export interface QuotaUse {
  readonly used: number
}

const quotasPrefix = '/ippoold/v1/quotas/'

/** The use of each quota. A quota that is not in use has no key. */
export const quotas: Family<QuotaUse> = {
  name: 'quotas',
  prefix: quotasPrefix,
  held: 'values',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      const used = readInteger(readStruct(json, declareFields('used'), 'quota').fields['used'], 'used')
      if (used < 0) throw new Malformed(`used: ${used} is below 0`)
      return { used }
    }),
  encode: ({ used }) => `{"used":${used}}`,
  // A store without transactions counts an address before it is assigned: the number may be too high for a moment, never too low.
  lead: (before, after) => (after !== undefined && after.used > (before?.used ?? 0) ? after : undefined),
}

/** The name of a quota: what its key says. */
export function quotaName({ policy, position, subject }: Quota): string {
  return `${encodeURIComponent(policy)}/${position}/${subject.kind}:${encodeURIComponent(subject.name)}`
}

/** Reads what {@link quotaName} prints; undefined for anything else. */
export function parseQuotaName(name: string): Quota | undefined {
  const [, policy = '', position = '', kind = '', subject = ''] =
    /^([^/]+)\/(\d{1,9})\/([^/:]+):([^/]+)$/.exec(name) ?? []
  const known = subjectKinds.find((one) => one === kind)
  if (known === undefined) return undefined
  try {
    return {
      policy: decodeURIComponent(policy),
      position: Number(position),
      subject: { kind: known, name: decodeURIComponent(subject) },
    }
  } catch {
    return undefined
  }
}

/** The key of the quota with this name. */
export function quotaKey(name: string): Key<QuotaUse> {
  return { family: quotas, text: `${quotasPrefix}${name}` }
}

/**
 * The charges for addresses of one block. By the name of the quota and the ordinal of the address, it holds the sequence number of the
 * charged assignment. Once the block no longer has that assignment, the charge is to be given back.
 */
export type Charges = ReadonlyMap<string, ReadonlyMap<number, bigint>>

const chargesPrefix = '/ippoold/v1/charges/'

/** The charges, block by block. A block without charges has no key. */
export const charges: Family<Charges> = {
  name: 'charges',
  prefix: chargesPrefix,
  held: 'digests',
  part: 'record',
  decode: (_key, text) =>
    decodeJson(text, (json) => {
      const byQuota = readObject(readStruct(json, declareFields('quotas'), 'charges').fields['quotas'], 'quotas') ?? {}
      return new Map(
        Object.entries(byQuota).map(([name, charged]) => {
          const numbers = Object.entries(readObject(charged, `quotas.${name}`) ?? {})
          return [
            name,
            new Map(numbers.map(([place, number]) => [Number(place), readUint64(number, `quotas.${name}.${place}`)])),
          ]
        }),
      )
    }),
  encode: (value) => {
    const byQuota = [...value].map(([name, charged]): [string, string] => [
      name,
      stringifyMembers(
        [...charged].sort(([one], [other]) => one - other).map(([place, number]) => [String(place), String(number)]),
      ),
    ])
    return stringifyMembers([['quotas', stringifyMembers(byQuota)]])
  },
  // As for the quotas: a charge is stored before its address is assigned, and removed after it is released.
  lead: (before, after) => (after === undefined ? undefined : withChargesOf(before, after)),
}

function withChargesOf(before: Charges | undefined, after: Charges): Charges {
  const merged = new Map(
    [...after].map(([name, charged]) => [name, new Map([...(before?.get(name) ?? []), ...charged])]),
  )
  for (const [name, charged] of before ?? []) if (!merged.has(name)) merged.set(name, new Map(charged))
  return merged
}

/** The key of the charges of the block at `cidr`. */
export function chargesKey(cidr: Cidr): Key<Charges> {
  return { family: charges, text: `${chargesPrefix}${blockKey(cidr).text.slice(blocks.prefix.length)}` }
}

/** The key of the block that these charges belong to. */
export function chargedBlockKey(chargesKeyText: string): string {
  return `${blocks.prefix}${chargesKeyText.slice(chargesPrefix.length)}`
}

/** Knows which blocks have charges, so that the others need not be read. A hint. */
export class ChargeIndex implements Observer<Charges> {
  readonly #keys = new Set<string>()

  changed(key: string, lookup: Pick<Lookup<Charges>, 'kind'>): void {
    if (lookup.kind === 'absent') this.#keys.delete(key)
    else this.#keys.add(key)
  }

  /** The index needs the keys only. */
  changedText(key: string): boolean {
    this.#keys.add(key)
    return true
  }

  /** True if no quota is in use. */
  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** The keys of the charges, in no order. */
  keys(): Iterable<string> {
    return this.#keys
  }
}

import {
  affinities,
  affinityPrefix,
  type BlockIndex,
  blockKey,
  compareBytewise,
  formatOwner,
  mayGive,
  type Owner,
  parseAffinityKey,
  type Terms,
  virtualAffinities,
} from '../../model/index.ts'
import type { Cidr, CidrSet, IpFamily } from '../../net/index.ts'
import type { Guard, View } from '../../plan/index.ts'
import { onceFor } from '../surroundings.ts'

/** The claims of `owner` on blocks of one address family, whatever pools they are in. */
export function readClaims(view: View, blocks: BlockIndex, owner: Owner, family: IpFamily, guard: Guard): Claims {
  const prefix = affinityPrefix(owner, family)
  const known = claimsBeside(blocks)
  // Anybody can ask for the claims of nodes that do not exist.
  if (known.size >= ownersMax) known.clear()
  const claims = known.get(prefix) ?? new Claims(blocks, formatOwner(owner))
  known.set(prefix, claims)
  claims.update(view.list(owner.type === 'host' ? affinities : virtualAffinities, guard, prefix))
  return claims
}

/** Owners whose claims are remembered, by the prefix of their keys: more than a cluster has nodes. */
const ownersMax = 10_000

const claimsBeside = onceFor((_blocks: BlockIndex) => new Map<string, Claims>())

/** An entry of a listing of claims. */
interface Entry {
  readonly key: string
}

/** A block that the owner has a claim on. */
interface Claim {
  readonly cidr: Cidr
  readonly blockKey: string
}

/** The blocks claimed that are worth reading, in the order of their keys. */
export interface WorthReading {
  /** All but those known to be used up. */
  readonly cidrs: readonly Cidr[]
  /** Those known to be empty, or that will be when nothing cools down any more. */
  readonly empty: readonly Cidr[]
}

/**
 * The claims of one owner, and what the index says of the blocks. There may be hundreds, and each assignment changes a few: so only what
 * has changed since the last time is looked at again.
 */
export class Claims {
  readonly #blocks: BlockIndex
  readonly #affinity: string
  #listing: readonly Entry[] = []
  /** The claim of each entry of the listing; undefined when its key is not that of a claim. */
  #claims: readonly (Claim | undefined)[] = []
  readonly #byBlockKey = new Map<string, Claim>()
  readonly #open = new Set<Claim>()
  readonly #empty = new Set<Claim>()
  /** Those used up with an address that cools down, which depend on the time. */
  readonly #cooling = new Set<Claim>()
  /** Those of which the index has not been asked yet. */
  readonly #added = new Set<Claim>()
  #found: WorthReading | undefined
  #asOf: { readonly changes: number; readonly reserved: CidrSet } | undefined

  /** Claims on the blocks that the index knows, of an owner whose blocks have this `affinity`. */
  constructor(blocks: BlockIndex, affinity: string) {
    this.#blocks = blocks
    this.#affinity = affinity
  }

  /** Takes over what a listing says, in the order of its keys. */
  update(listing: readonly Entry[]): void {
    if (listing === this.#listing) return
    const before = this.#listing
    const claims: (Claim | undefined)[] = []
    let place = 0
    for (const entry of listing) {
      let known = before[place]
      for (; known !== undefined && known !== entry && known.key < entry.key; known = before[++place]) {
        this.#forget(this.#claims[place])
      }
      const isKnown = known === entry || known?.key === entry.key
      claims.push(isKnown ? this.#claims[place++] : this.#add(entry))
    }
    for (; place < before.length; place++) this.#forget(this.#claims[place])
    this.#listing = listing
    this.#claims = claims
  }

  /** How many of the blocks claimed fulfil a condition. */
  count(isFulfilled: (cidr: Cidr) => boolean): number {
    return this.#claims.reduce(
      (count, claim) => (claim !== undefined && isFulfilled(claim.cidr) ? count + 1 : count),
      0,
    )
  }

  /** The blocks that may have something to give to the owner, by the word of the index. */
  worthReading(terms: Terms): WorthReading {
    for (const claim of this.#toLookAt(terms)) this.#look(claim, terms)
    this.#added.clear()
    this.#asOf = { changes: this.#blocks.changes, reserved: terms.reserved }
    return (this.#found ??= { cidrs: inOrder(this.#open), empty: inOrder(this.#empty) })
  }

  #toLookAt({ reserved }: Terms): Iterable<Claim> {
    const changed = this.#asOf?.reserved === reserved ? this.#blocks.changedSince(this.#asOf.changes) : undefined
    if (changed === undefined) return this.#byBlockKey.values()
    const claims = new Set([...this.#added, ...this.#cooling])
    for (const key of changed) {
      const claim = this.#byBlockKey.get(key)
      if (claim !== undefined) claims.add(claim)
    }
    return claims
  }

  #look(claim: Claim, terms: Terms): void {
    const entry = this.#blocks.entry(claim.blockKey)
    const isUsedUp = entry !== undefined && !mayGive(entry, terms) && entry.affinity === this.#affinity
    put(this.#cooling, claim, isUsedUp && entry.coolingSince !== undefined)
    const changes = [put(this.#open, claim, !isUsedUp), put(this.#empty, claim, entry?.isAbandoned === true)]
    if (changes.includes(true)) this.#found = undefined
  }

  #add({ key }: Entry): Claim | undefined {
    const cidr = parseAffinityKey(key)?.cidr
    if (cidr === undefined) return undefined
    const claim = { cidr, blockKey: blockKey(cidr).text }
    this.#byBlockKey.set(claim.blockKey, claim)
    this.#added.add(claim)
    return claim
  }

  #forget(claim: Claim | undefined): void {
    if (claim === undefined) return
    this.#byBlockKey.delete(claim.blockKey)
    for (const claims of [this.#open, this.#empty, this.#cooling, this.#added]) claims.delete(claim)
    this.#found = undefined
  }
}

/** Sees to it that `claim` is among `claims`, or is not; gives whether that is a change. */
function put(claims: Set<Claim>, claim: Claim, isIn: boolean): boolean {
  if (claims.has(claim) === isIn) return false
  if (isIn) claims.add(claim)
  else claims.delete(claim)
  return true
}

function inOrder(claims: ReadonlySet<Claim>): readonly Cidr[] {
  return [...claims].sort((one, other) => compareBytewise(one.blockKey, other.blockKey)).map(({ cidr }) => cidr)
}

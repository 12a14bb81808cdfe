import type { Holding, RevisionOfKeys, WriteUnit } from './history.ts'

/** One hold of one address by one handle, as etcd has it. */
export interface Episode extends Holding {
  readonly begins: bigint
  /** The revision in which it ends; absent while it lasts. */
  ends?: bigint
  /** The handle that got the address in the revision in which it ended. */
  successor?: string
}

/** A broken invariant, and how it was broken. */
export interface Violation {
  readonly invariant:
    | 'one-owner'
    | 'no-theft'
    | 'durable'
    | 'explained'
    | 'all-or-nothing'
    | 'order'
    | 'agreement'
    | 'repeat'
  readonly problem: string
  /** The revision in etcd's history that shows it, if one does. */
  readonly revision?: bigint
}

interface StoredBlock {
  readonly cidr: string
  readonly affinity?: string | null
  readonly allocations: readonly (number | null)[]
  readonly unallocated: readonly number[]
  readonly attributes: readonly { readonly handle_id?: string; readonly releasedAt?: string }[] | null
  readonly sequenceNumber: string
  readonly sequenceNumberForAllocation?: Readonly<Record<string, string>>
}

const root = '/calico/ipam/v2/'
const poolRoot = '/calico/resources/v3/projectcalico.org/ippools/'

/**
 * Goes through every revision, collects who held what, and checks what must be true at each. Reads the stored forms by itself. If a write
 * changes one object, handles may count more than blocks hold, and affinities may be unfinished; never less, and never wrong.
 */
export class Replay {
  readonly episodes: Episode[] = []
  readonly violations: Violation[] = []
  readonly #current = new Map<string, Episode>()
  readonly #blocks = new Map<string, StoredBlock>()
  readonly #handles = new Map<string, Readonly<Record<string, number>>>()
  readonly #affinities = new Map<string, string>()
  /** The CIDR of each pool. */
  readonly #pools = new Map<string, string>()
  /** Every address by the block that has it. */
  readonly #homes = new Map<string, string>()
  readonly #numbers = new Map<string, Set<string>>()

  /** The CIDR of each pool that is gone. */
  readonly #gonePools = new Map<string, string>()
  readonly #writeUnit: WriteUnit

  constructor(revisions: readonly RevisionOfKeys[], writeUnit: WriteUnit = 'transaction') {
    this.#writeUnit = writeUnit
    for (const revision of revisions) this.#apply(revision)
  }

  /** In what blocks, handles, affinities and pools disagree after the last revision. */
  get leftovers(): readonly string[] {
    const held = [...this.#current.values()].map(({ handle }) => handle)
    const handles = new Set([...this.#handles.keys(), ...held])
    const claimed = [...this.#affinities.keys()].map((host) => host.slice(host.indexOf('/') + 1))
    const blocks = new Set([...this.#blocks.keys(), ...claimed])
    return [
      ...[...handles].flatMap((handle) => this.#handleProblem(handle, 'transaction') ?? []),
      ...[...blocks].flatMap((name) => this.#affinityProblem(name, 'transaction') ?? []),
      ...[...this.#affinities]
        .filter(([, text]) => !text.includes('"confirmed"'))
        .map(([host, text]) => `affinity ${host} is unfinished: ${text}`),
      ...[...this.#gonePools].flatMap(([pool, cidr]) => this.#blocksLeft(pool, cidr)),
    ]
  }

  #apply({ revision, changes }: RevisionOfKeys): void {
    const touched = new Set<string>()
    const blocks = new Set<string>()
    const gone: string[] = []
    for (const { key, text } of changes) {
      const handle = after(key, `${root}handle/`)
      const block = after(key, `${root}assignment/`)
      const host = after(key, `${root}host/`)
      const pool = after(key, poolRoot)
      if (handle !== undefined) {
        touched.add(handle)
        if (text === undefined) this.#handles.delete(handle)
        else this.#handles.set(handle, readHandle(text))
      } else if (block !== undefined) {
        blocks.add(block)
        this.#changeBlock(block, text, revision, touched)
      } else if (host !== undefined) {
        const home = host.slice(host.indexOf('/') + 1)
        blocks.add(home)
        if (text === undefined) this.#affinities.delete(host)
        else this.#affinities.set(host, text)
      } else if (pool !== undefined) {
        if (text === undefined) gone.push(pool)
        else {
          this.#pools.set(pool, readCidr(text))
          this.#gonePools.delete(pool)
        }
      }
    }
    for (const pool of gone) this.#removePool(pool, revision)
    const unit = this.#writeUnit
    for (const handle of touched) this.#violate('agreement', revision, this.#handleProblem(handle, unit))
    for (const block of blocks) this.#violate('agreement', revision, this.#affinityProblem(block, unit))
  }

  #changeBlock(name: string, text: string | undefined, revision: bigint, touched: Set<string>): void {
    const before = this.#blocks.get(name)
    const block = text === undefined ? undefined : readBlock(text)
    if (block === undefined) this.#blocks.delete(name)
    else this.#blocks.set(name, block)
    if (before !== undefined && block !== undefined && BigInt(block.sequenceNumber) < BigInt(before.sequenceNumber)) {
      this.#violate(
        'order',
        revision,
        `the number of block ${name} falls from ${before.sequenceNumber} to ${block.sequenceNumber}`,
      )
    }
    if (block !== undefined) this.#checkShape(name, block, revision)
    const size = Math.max(before?.allocations.length ?? 0, block?.allocations.length ?? 0)
    for (let ordinal = 0; ordinal < size; ordinal++) {
      const address = addressAt((block ?? before)?.cidr ?? '', ordinal)
      const home = this.#homes.get(address)
      if (block === undefined) this.#homes.delete(address)
      else if (home !== undefined && home !== name)
        this.#violate('one-owner', revision, `${address} lies in ${home} and ${name}`)
      else this.#homes.set(address, name)
      this.#changeHolder(
        address,
        block && holderAt(block, ordinal),
        block?.sequenceNumberForAllocation?.[ordinal] ?? '',
        revision,
        touched,
      )
    }
  }

  #changeHolder(
    address: string,
    handle: string | undefined,
    number: string,
    revision: bigint,
    touched: Set<string>,
  ): void {
    const last = this.#current.get(address)
    if (last?.handle === handle && (last === undefined || last.sequenceNumber === number)) return
    if (last !== undefined) {
      last.ends = revision
      if (handle !== undefined) last.successor = handle
      this.#current.delete(address)
      touched.add(last.handle)
    }
    if (handle === undefined) return
    touched.add(handle)
    const used = this.#numbers.get(address) ?? new Set<string>()
    if (used.has(number)) this.#violate('order', revision, `the number ${number} of ${address} is repeated`)
    this.#numbers.set(address, used.add(number))
    const episode = { address, handle, sequenceNumber: number, begins: revision }
    this.#current.set(address, episode)
    this.episodes.push(episode)
  }

  #checkShape(name: string, block: StoredBlock, revision: bigint): void {
    const free = new Set(block.unallocated)
    const taken = block.allocations.filter((index) => index !== null).length
    const isWhole = free.size === block.unallocated.length && free.size + taken === block.allocations.length
    const isDisjoint = block.unallocated.every((ordinal) => block.allocations[ordinal] === null)
    if (!isWhole || !isDisjoint) this.#violate('order', revision, `allocated and free do not make up block ${name}`)
  }

  #handleProblem(handle: string, unit: WriteUnit): string | undefined {
    const counted = new Map<string, number>()
    for (const [name, block] of this.#blocks) {
      const count = block.allocations.filter((_, ordinal) => holderAt(block, ordinal) === handle).length
      if (count > 0) counted.set(this.#blocks.get(name)?.cidr ?? name, count)
    }
    const said = new Map(Object.entries(this.#handles.get(handle) ?? {}))
    const isEnough = [...counted].every(([cidr, count]) => (said.get(cidr) ?? 0) >= count)
    const isExact = said.size === counted.size && [...said].every(([cidr, count]) => counted.get(cidr) === count)
    if (unit === 'object' ? isEnough : isExact) return undefined
    const [told, found] = [said, counted].map((counts) => JSON.stringify([...counts]))
    return `handle ${handle} says ${told ?? ''}, its blocks ${found ?? ''}`
  }

  #affinityProblem(name: string, unit: WriteUnit): string | undefined {
    const owner = /^host:(.*)$/.exec(this.#blocks.get(name)?.affinity ?? '')?.[1]
    const claims = [...this.#affinities].filter(([host]) => host.endsWith(`/${name}`))
    const claimants = claims
      .filter(([, text]) => text.includes('"confirmed"'))
      .map(([host]) => host.slice(0, host.indexOf('/')))
    const isComplete = unit === 'object' || claimants.length === (owner === undefined ? 0 : 1)
    if (isComplete && claimants.every((claimant) => claimant === owner)) return undefined
    return `block ${name} is of ${owner ?? 'nobody'}, and claimed by [${claimants.join()}]`
  }

  /** A pool may be gone only when nothing is left in it. If a write changes one object, a block may come after it, and goes later. */
  #removePool(pool: string, revision: bigint): void {
    const cidr = this.#pools.get(pool) ?? ''
    this.#pools.delete(pool)
    this.#gonePools.set(pool, cidr)
    if (this.#writeUnit === 'object') return
    for (const problem of this.#blocksLeft(pool, cidr)) this.#violate('agreement', revision, problem)
  }

  #blocksLeft(pool: string, cidr: string): readonly string[] {
    const left = [...this.#blocks].filter(([, block]) => isInside(block.cidr, cidr))
    return left.map(([name]) => `pool ${pool} is gone, and ${name} is left`)
  }

  #violate(invariant: Violation['invariant'], revision: bigint, problem: string | undefined): void {
    if (problem === undefined) return
    this.violations.push({ invariant, problem: `revision ${revision}: ${problem}`, revision })
  }
}

function after(key: string, prefix: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined
}

/** Numbers beyond 2^53 as texts. */
function readBlock(text: string): StoredBlock {
  const quoted = text.replaceAll(/("(?:sequenceNumber|\d+)":)(\d+)/g, '$1"$2"')
  // The text is what a server under test wrote; a block that is no block fails the run.

  return JSON.parse(quoted) as StoredBlock
}

function readCidr(text: string): string {
  const { spec } = JSON.parse(text) as { readonly spec?: { readonly cidr?: string } }
  return spec?.cidr ?? ''
}

/** True if an IPv4 block lies in a pool. */
function isInside(block: string, pool: string): boolean {
  const [base, from] = [firstNumber(block), firstNumber(pool)]
  return base >= from && base < from + 2 ** (32 - Number(pool.split('/')[1]))
}

function firstNumber(cidr: string): number {
  return (cidr.split('/')[0] ?? '').split('.').reduce((number, part) => number * 256 + Number(part), 0)
}

function readHandle(text: string): Readonly<Record<string, number>> {
  const { block } = JSON.parse(text) as { readonly block?: Readonly<Record<string, number>> | null }
  return block ?? {}
}

function holderAt(block: StoredBlock, ordinal: number): string | undefined {
  const index = block.allocations[ordinal] ?? undefined
  if (index === undefined) return undefined
  const attribute = block.attributes?.[index]
  return attribute?.releasedAt === undefined ? (attribute?.handle_id ?? '') : undefined
}

/** The address of an ordinal; no block crosses the last byte. Of IPv6 a name for it is enough. */
function addressAt(cidr: string, ordinal: number): string {
  const [, start, last] = /^(\d+\.\d+\.\d+\.)(\d+)\//.exec(cidr) ?? []
  return start === undefined ? `${cidr} ${ordinal}` : `${start}${Number(last) + ordinal}`
}

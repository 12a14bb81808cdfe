import { type ApiClient, type ApiObject, ApiProblem } from '../api-client.ts'
import type { CalicoGroup } from '../calico-definitions.ts'
import { addressOf, type BlockSpec, emptyBlock, free, isEmpty, ordinalsOf, renumber, strip, take } from './block.ts'
import { affinityLabels, affinityName, blockName, handleName } from './names.ts'
import { type AffinitySpec, CalicoObjects } from './objects.ts'
import type { Steps } from './steps.ts'

/** An address that a client of Calico has. */
export interface CalicoAssignment {
  readonly address: string
  /** Of its block. */
  readonly cidr: string
  readonly handle: string
  /** Of the assignment, in decimal. */
  readonly sequenceNumber: string
}

/** How often Calico tries again after a conflict. */
const attemptsMax = 100

/**
 * Calico's own client on a node, as far as addresses are concerned: the same writes in the same order, each on one object that must be as
 * it was read, and the same two steps to delete one. Every operation pauses after each write, so that a test can stop it there, or let
 * others write in between.
 */
export class CalicoClient {
  readonly blocks: CalicoObjects<'block'>
  readonly affinities: CalicoObjects<'affinity'>
  readonly handles: CalicoObjects<'handle'>
  readonly #node: string

  constructor(client: ApiClient, group: CalicoGroup, node: string) {
    this.blocks = new CalicoObjects(client, group, 'block')
    this.affinities = new CalicoObjects(client, group, 'affinity')
    this.handles = new CalicoObjects(client, group, 'handle')
    this.#node = node
  }

  /** Claims a block for the node: affinity pending, block, affinity confirmed. */
  async *claim(cidr: string): Steps<'claimed' | 'already claimed'> {
    const present = await this.affinities.read(this.#affinityName(cidr))
    if (present?.spec.state === 'confirmed') return yield* this.#confirm(cidr, present)
    const pending = await this.#setState(cidr, present, 'pending')
    yield 'affinity pending'
    return yield* this.#confirm(cidr, pending)
  }

  /**
   * Makes the affinity of the node and the block agree, as the next assignment does with each affinity that it finds. The block decides.
   * Undefined if there is no affinity.
   */
  async *heal(cidr: string): Steps<'usable' | 'not ours' | undefined> {
    const affinity = await this.affinities.read(this.#affinityName(cidr))
    if (affinity === undefined) return undefined
    const block = await this.blocks.read(blockName(cidr))
    const isComplete = affinity.spec.state === 'confirmed' || affinity.spec.state === ''
    if (block !== undefined && !this.#isOurs(block)) {
      yield* this.affinities.delete(affinity)
      return 'not ours'
    }
    if (block !== undefined && isComplete) return 'usable'
    const pending = await this.#setState(cidr, affinity, 'pending')
    yield 'affinity pending'
    if (block !== undefined) {
      // A new version, so that whoever was about to write the old one loses.
      await this.blocks.write(block, renumber(block.spec))
      yield 'block written'
    }
    return (yield* this.#confirm(cidr, pending)) === 'claimed' ? 'usable' : 'not ours'
  }

  /** Assigns an address of a block: the handle, then the block. Undefined if there is no block, or it is full. */
  async *assign(
    cidr: string,
    handle: string,
    attributes: Readonly<Record<string, string>> = { node: this.#node },
  ): Steps<CalicoAssignment | undefined> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const block = await this.blocks.read(blockName(cidr))
      const taken = block && take(block.spec, { handle_id: handle, secondary: attributes })
      if (block === undefined || taken === undefined) return undefined
      await this.#count(cidr, handle, 1)
      yield 'handle written'
      if (await isWritten(this.blocks.write(block, taken.block))) {
        yield 'block written'
        const sequenceNumber = String(taken.sequenceNumber)
        return { address: addressOf(block.spec, taken.ordinal), cidr, handle, sequenceNumber }
      }
      yield* this.#uncount(cidr, handle, 1)
    }
    throw new Error(`block ${cidr} was changed by others ${attemptsMax} times`)
  }

  /** Releases what a handle has in a block: the block, then the handle. Returns the addresses. A block of nobody goes with its last one. */
  async *release(cidr: string, handle: string): Steps<readonly string[]> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const block = await this.blocks.read(blockName(cidr))
      const ordinals = block === undefined ? [] : ordinalsOf(block.spec, handle)
      if (block === undefined || ordinals.length === 0) return []
      const after = free(block.spec, ordinals)
      const isDone =
        isEmpty(after) && after.affinity === undefined
          ? yield* withoutConflict(this.blocks.delete(block))
          : await isWritten(this.blocks.write(block, after))
      if (!isDone) continue
      yield 'block written'
      yield* this.#uncount(cidr, handle, ordinals.length)
      return ordinals.map((ordinal) => addressOf(block.spec, ordinal))
    }
    throw new Error(`block ${cidr} was changed by others ${attemptsMax} times`)
  }

  /** Releases everything that a handle counts. "does not exist" if there is no such handle. */
  async *releaseByHandle(handle: string): Steps<readonly string[] | 'does not exist'> {
    const object = await this.handles.read(handleName(handle))
    if (object === undefined) return 'does not exist'
    const released: string[] = []
    for (const cidr of Object.keys(object.spec.block)) released.push(...(yield* this.release(cidr, handle)))
    return released
  }

  /** Gives up a block of the node: affinity pendingDeletion, block deleted or stripped, affinity deleted. */
  async *releaseAffinity(
    cidr: string,
    { mustBeEmpty = false } = {},
  ): Steps<'released' | 'does not exist' | 'already claimed' | 'not empty'> {
    const affinity = await this.affinities.read(this.#affinityName(cidr))
    const block = affinity && (await this.blocks.read(blockName(cidr)))
    if (affinity === undefined || block === undefined) return 'does not exist'
    if (block.spec.affinity !== undefined && !this.#isOurs(block)) {
      yield* this.affinities.delete(affinity)
      return 'already claimed'
    }
    if (mustBeEmpty && !isEmpty(block.spec)) return 'not empty'
    const leaving = await this.#setState(cidr, affinity, 'pendingDeletion')
    yield 'affinity pendingDeletion'
    if (isEmpty(block.spec)) yield* this.blocks.delete(block)
    else {
      await this.blocks.write(block, strip(block.spec))
      yield 'block stripped'
    }
    yield* this.affinities.delete(leaving)
    return 'released'
  }

  /** Assigns an address of some block: one of the node's, then a new one, then another's. Undefined if all of them are full. */
  async *autoAssign(cidrs: readonly string[], handle: string): Steps<CalicoAssignment | undefined> {
    const own = await this.affinities.list(affinityLabels(this.#node, cidrs[0] ?? ''))
    for (const { spec } of own) {
      if (!cidrs.includes(spec.cidr) || spec.node !== this.#node) continue
      if ((yield* this.heal(spec.cidr)) !== 'usable') continue
      const assignment = yield* this.assign(spec.cidr, handle)
      if (assignment !== undefined) return assignment
    }
    const taken = new Set((await this.blocks.list()).map(({ spec }) => spec.cidr))
    for (const cidr of cidrs) {
      if (taken.has(cidr) || (yield* this.claim(cidr)) !== 'claimed') continue
      const assignment = yield* this.assign(cidr, handle)
      if (assignment !== undefined) return assignment
    }
    for (const cidr of cidrs) {
      const assignment = yield* this.assign(cidr, handle)
      if (assignment !== undefined) return assignment
    }
    return undefined
  }

  /** The second half of a claim: the block, which decides who has it, and then the affinity. */
  async *#confirm(cidr: string, affinity: ApiObject<AffinitySpec>): Steps<'claimed' | 'already claimed'> {
    const created = await this.blocks.create(blockName(cidr), emptyBlock(cidr, this.#affinity))
    if (created !== undefined) yield 'block created'
    const block = created ?? (await this.blocks.read(blockName(cidr)))
    // It was being deleted, and has gone.
    if (block === undefined) return yield* this.#confirm(cidr, affinity)
    if (!this.#isOurs(block)) {
      yield* this.affinities.delete(affinity)
      return 'already claimed'
    }
    if (affinity.spec.state !== 'confirmed') {
      await this.#setState(cidr, affinity, 'confirmed')
      yield 'affinity confirmed'
    }
    return 'claimed'
  }

  async #setState(
    cidr: string,
    present: ApiObject<AffinitySpec> | undefined,
    state: 'pending' | 'confirmed' | 'pendingDeletion',
  ): Promise<ApiObject<AffinitySpec>> {
    if (present !== undefined) return this.affinities.write(present, { ...present.spec, state })
    const deleted = this.affinities.noDeletion
    const spec = { cidr, node: this.#node, type: 'host', state, deleted }
    const labels = affinityLabels(this.#node, cidr)
    const created = await this.affinities.create(this.#affinityName(cidr), spec, labels)
    if (created === undefined) throw new Error(`the affinity of ${this.#node} to ${cidr} was created by somebody else`)
    return created
  }

  async #count(cidr: string, handle: string, change: number): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const present = await this.handles.read(handleName(handle))
      if (present === undefined) {
        const spec = { handleID: handle, block: { [cidr]: change }, deleted: false }
        if ((await this.handles.create(handleName(handle), spec)) !== undefined) return
      } else {
        const block = { ...present.spec.block, [cidr]: (present.spec.block[cidr] ?? 0) + change }
        if (await isWritten(this.handles.write(present, { ...present.spec, block }))) return
      }
    }
    throw new Error(`handle ${handle} was changed by others ${attemptsMax} times`)
  }

  async *#uncount(cidr: string, handle: string, count: number): Steps<undefined> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const present = await this.handles.read(handleName(handle))
      if (present === undefined) return undefined
      const { [cidr]: before = 0, ...others } = present.spec.block
      const block = before > count ? { ...others, [cidr]: before - count } : others
      if (Object.keys(block).length === 0) {
        if (yield* withoutConflict(this.handles.delete(present))) return undefined
      } else if (await isWritten(this.handles.write(present, { ...present.spec, block }))) {
        yield 'handle written'
        return undefined
      }
    }
    throw new Error(`handle ${handle} was changed by others ${attemptsMax} times`)
  }

  get #affinity(): string {
    return `host:${this.#node}`
  }

  #affinityName(cidr: string): string {
    return affinityName(this.#node, cidr)
  }

  #isOurs({ spec }: ApiObject<BlockSpec>): boolean {
    return spec.affinity === this.#affinity
  }
}

/** False if the object was not as it was read. */
async function isWritten(write: Promise<unknown>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

/** As {@link isWritten}, of a deletion. */
async function* withoutConflict(steps: Steps<undefined>): Steps<boolean> {
  try {
    yield* steps
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

/** An object that has gone meanwhile is a conflict, too. */
function isConflict(error: unknown): boolean {
  return error instanceof ApiProblem && (error.status === 409 || error.status === 404)
}

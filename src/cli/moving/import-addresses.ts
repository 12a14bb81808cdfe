import { answerTo, type Api, given, type Schemas } from '../api/index.ts'
import { exitCodes, Failure, Refused } from '../failures.ts'
import { type AddressEntry, type Holder, type Range, rangeOf } from '../formats/index.ts'
import type { Outcome } from './outcome.ts'
import type { Ranges } from './ranges.ts'
import type { Sourced } from './sources.ts'

type SourcedAddress = Sourced<AddressEntry>
type Cause = NonNullable<NonNullable<Schemas['Status']['details']>['causes']>[number]

/** Addresses of one call. With a handle each and their block, they fit into one transaction of etcd. */
const addressesAtOnce = 64

/** The handle of what Windows nodes keep of their blocks. The server makes these by itself. */
const windowsHandle = 'windows-reserved-ipam-handle'

/** Assigns addresses to their handles. Those that are held in the same way already stay as they are. */
export class AddressImport {
  readonly #api: Api
  readonly #outcome: Outcome
  readonly #isDryRun: boolean
  readonly #newPools: Ranges<undefined>

  /** `newPools` are the pools that a dry run would have created. */
  constructor(api: Api, outcome: Outcome, isDryRun: boolean, newPools: Ranges<undefined>) {
    this.#api = api
    this.#outcome = outcome
    this.#isDryRun = isDryRun
    this.#newPools = newPools
  }

  /** Imports addresses that one call can assign. */
  async import(batch: readonly SourcedAddress[]): Promise<void> {
    // A pool that is not there yet has no addresses that could be in the way.
    const isNew = ({ entry }: SourcedAddress): boolean =>
      this.#isDryRun && this.#newPools.around(rangeOf(entry.address)) !== undefined
    this.#outcome.of('addresses').created += batch.filter(isNew).length
    await this.#ensure(batch.filter((one) => !isNew(one)))
  }

  async #ensure(batch: readonly SourcedAddress[]): Promise<void> {
    if (batch.length === 0) return
    const query = this.#isDryRun ? { dryRun: 'All' as const } : {}
    const body = { addresses: batch.map(({ entry }) => wantedOf(entry)) }
    try {
      const { data } = await surely(() => answerTo(this.#api.POST('/ipam/v1/ensure', { params: { query }, body })))
      const tally = this.#outcome.of('addresses')
      tally.created += data.assigned.length
      tally.unchanged += data.addresses.length - data.assigned.length
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem
      await this.#settle(batch, problem)
      return
    }
    for (const one of batch) if (one.entry.alternate !== undefined) await this.#setAlternate(one, one.entry.alternate)
  }

  /** Goes on after a refusal: in halves if it was too much, or without the addresses that are in conflict. */
  async #settle(batch: readonly SourcedAddress[], refused: Refused): Promise<void> {
    const { reason, details } = refused.status
    if (reason === 'RequestEntityTooLarge' && batch.length > 1) {
      const half = batch.length >> 1
      await this.#ensure(batch.slice(0, half))
      await this.#ensure(batch.slice(half))
      return
    }
    const causes = new Map(
      (details?.causes ?? []).flatMap((cause) => {
        const place = /^addresses\[(\d+)\]/.exec(cause.field)?.[1]
        return place === undefined ? [] : [[Number(place), cause] as const]
      }),
    )
    if (causes.size === 0) throw refused
    for (const [place, cause] of [...causes].sort(([one], [other]) => one - other)) {
      const sourced = batch[place]
      if (sourced !== undefined) this.#tellConflict(sourced, cause)
    }
    await this.#ensure(batch.filter((_, place) => !causes.has(place)))
  }

  #tellConflict({ entry, file, line }: SourcedAddress, cause: Cause): void {
    this.#outcome.conflict({
      subject: 'addresses',
      file,
      line,
      what: entry.address,
      there: cause.message,
      said: describe(entry),
      remedy: remedyFor(cause),
    })
  }

  /** Sets the holder that is to take an address over, unless there is one. */
  async #setAlternate({ entry, file, line }: SourcedAddress, wanted: Holder): Promise<void> {
    if (this.#isDryRun) return
    const path = { ip: entry.address }
    const { data } = await answerTo(this.#api.GET('/ipam/v1/addresses/{ip}/attributes', { params: { path } }))
    const { alternate, sequenceNumber } = data
    if (print(alternate) === print(wanted)) return
    if (alternate.node !== null || Object.keys(alternate.attributes).length > 0) {
      this.#outcome.conflict({
        subject: 'addresses',
        file,
        line,
        what: entry.address,
        there: `the alternate holder is ${print(alternate)}`,
        said: `the alternate holder is ${print(wanted)}`,
        remedy: 'wait for the end of the migration there, or take the alternate holder out of the file',
      })
      return
    }
    const body = {
      alternate: given({ node: wanted.node ?? undefined, attributes: { ...wanted.attributes } }),
      sequenceNumber,
    }
    await answerTo(this.#api.PUT('/ipam/v1/addresses/{ip}/attributes', { params: { path }, body }))
  }
}

/** Collects addresses to those that one call can assign. */
export class AddressBatches {
  readonly #outcome: Outcome
  #batch: SourcedAddress[] = []
  #group: Range | undefined

  constructor(outcome: Outcome) {
    this.#outcome = outcome
  }

  /** Adds an address. Returns a batch that is complete. */
  add(sourced: SourcedAddress): readonly SourcedAddress[] | undefined {
    const { entry, file, line } = sourced
    if (entry.handle === windowsHandle) {
      this.#outcome.leaveOut('addresses', file, line, entry.address, 'Windows nodes keep it for themselves')
      return undefined
    }
    if (entry.handle === null) {
      this.#outcome.conflict({
        subject: 'addresses',
        file,
        line,
        what: entry.address,
        there: 'nothing that could hold it: the API assigns addresses to handles',
        said: describe(entry),
        remedy: 'give it a handle in the file, or release it where the file comes from',
      })
      return undefined
    }
    const range = rangeOf(entry.address)
    // Addresses of one block in one call: two calls that write the same block wait for each other.
    const isOther =
      this.#group !== undefined &&
      (this.#group.first >> 6n !== range.first >> 6n || this.#group.family !== range.family)
    const complete = isOther || this.#batch.length >= addressesAtOnce ? this.end() : undefined
    this.#group = range
    this.#batch.push(sourced)
    return complete
  }

  /** The last batch; undefined if it is empty. */
  end(): readonly SourcedAddress[] | undefined {
    const batch = this.#batch
    this.#batch = []
    return batch.length === 0 ? undefined : batch
  }
}

function wantedOf({ address, handle, node, attributes }: AddressEntry): Schemas['WantedAddress'] {
  const isPlain = Object.keys(attributes).length === 0
  return {
    address,
    handle: handle ?? '',
    ...given({ node: node ?? undefined, attributes: isPlain ? undefined : { ...attributes } }),
  }
}

const triesMax = 5

/** Makes a call again whose answer was lost: an ensure may be made any number of times. */
async function surely<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (problem) {
      const isLost = problem instanceof Failure && problem.exitCode === exitCodes.unknown
      if (!isLost || tries === triesMax) throw problem
    }
  }
}

function remedyFor({ reason, field }: Cause): string {
  if (field.endsWith(']') && reason === 'FieldValueInvalid') return 'release it there, or take it out of the file'
  switch (reason) {
    case 'NoPool':
      return 'create or enable a pool that has it, or take it out of the file'
    case 'OwnerMismatch':
      return 'release it there and import it again, or change the file'
    case 'StrictAffinity':
      return 'claim its block for the node ("ippool block claim"), or turn strict affinity off'
    default:
      return 'change it in the file'
  }
}

function describe({ handle, node, attributes }: AddressEntry): string {
  const who = handle === null ? 'no handle' : `handle ${JSON.stringify(handle)}`
  const where = node === null ? '' : `, node ${JSON.stringify(node)}`
  const more = Object.keys(attributes).length === 0 ? '' : `, attributes ${JSON.stringify(attributes)}`
  return `${who}${where}${more}`
}

function print({ node, attributes }: Holder): string {
  return JSON.stringify([node, Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1))])
}

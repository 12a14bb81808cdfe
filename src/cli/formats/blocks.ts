import { addressesOf, readRange } from './addresses.ts'
import type { AddressEntry, CoolingEntry, Holder, Texts } from './entries.ts'
import { type Members, Shapes } from './shapes.ts'

/**
 * Reads a page of blocks, as the API lists them. Sequence numbers are larger than numbers of JavaScript can be, so they become texts
 * first: a number follows a name of digits nowhere else in a block.
 */
export function parseBlocks(text: string): { readonly items: readonly unknown[]; readonly next: string | undefined } {
  const shapes = new Shapes()
  const list = shapes.members(JSON.parse(text.replaceAll(/"(\d+)":(\d+)/g, '"$1":"$2"')), 'the list')
  const { continue: next } = shapes.members(list['metadata'], 'metadata')
  return { items: shapes.list(list['items'], 'items'), next: typeof next === 'string' ? next : undefined }
}

/** The addresses of a block that are held, and those that cool down, ascending. */
export function entriesOfBlock(block: unknown): readonly (AddressEntry | CoolingEntry)[] {
  const shapes = new Shapes()
  const spec = shapes.members(shapes.members(block, 'a block')['spec'], 'spec')
  const cidr = shapes.text(spec['cidr'], 'spec.cidr')
  const range = readRange(cidr)
  if (range === undefined) throw shapes.problem('spec.cidr', cidr, 'a CIDR')
  const addressAt = addressesOf(range)
  const holders = shapes.list(spec['attributes'], 'spec.attributes').map((holder) => holderIn(holder, shapes))
  const numbers = shapes.members(spec['sequenceNumberForAllocation'] ?? {}, 'spec.sequenceNumberForAllocation')
  return shapes
    .list(spec['allocations'], 'spec.allocations')
    .flatMap((index, ordinal): readonly (AddressEntry | CoolingEntry)[] => {
      const holder = typeof index === 'number' ? holders[index] : undefined
      if (holder === undefined) return []
      const address = addressAt(ordinal)
      const { releasedAt, ...held } = holder
      if (releasedAt !== undefined) return [{ kind: 'Cooling', address, releasedAt }]
      const sequenceNumber = shapes.text(numbers[String(ordinal)] ?? '0', 'spec.sequenceNumberForAllocation')
      return [{ kind: 'Address', address, ...held, sequenceNumber }]
    })
}

/** A holder of a block, in the words of an export. */
type BlockHolder = Pick<AddressEntry, 'handle' | 'node' | 'attributes' | 'alternate'> & {
  readonly releasedAt: string | undefined
}

function holderIn(value: unknown, shapes: Shapes): BlockHolder {
  const holder: Members = shapes.members(value, 'spec.attributes')
  const { alternateOwnerAttrs: alternate, releasedAt } = holder
  return {
    handle: shapes.textOrNull(holder['handle_id'], 'handle_id'),
    ...usage(shapes.texts(holder['secondary'] ?? {}, 'secondary')),
    ...(alternate !== undefined && { alternate: usage(shapes.texts(alternate, 'alternateOwnerAttrs')) }),
    releasedAt: shapes.textOrNull(releasedAt, 'releasedAt') ?? undefined,
  }
}

/** The node is one of the attributes in a block. */
function usage({ node, ...attributes }: Texts): Holder {
  return { node: node ?? null, attributes }
}

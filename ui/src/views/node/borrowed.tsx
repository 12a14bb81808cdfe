import type { JSX } from 'preact'
import { type Outcome, perform, type Schemas } from '../../api/index.ts'
import { useOutcome } from '../../live/index.ts'
import { addressColumns, type HeldAddress, Section, Table, Trouble } from '../../parts/index.ts'
import { go } from '../../router/index.ts'

const addressesMax = 1000
const columns = addressColumns('node')

/** Addresses that the node uses in blocks of other nodes, or of none. */
export function Borrowed({ node }: { node: string }): JSX.Element | null {
  const { data, problem } = useOutcome(`borrowed ${node}`, () => readBorrowed(node), ['ipamblocks'])
  if (data?.addresses.length === 0) return null
  return (
    <Section title="Borrowed">
      <Trouble problem={problem} />
      {data?.isComplete === false && <p class="quiet">Among the first {addressesMax} addresses of the node.</p>}
      <Table
        label="Borrowed addresses"
        columns={columns}
        rows={data?.addresses ?? []}
        keyOf={({ address }) => address}
        onOpen={({ address }) => go({ view: 'address', address })}
        empty="Reading …"
      />
    </Section>
  )
}

async function readBorrowed(
  node: string,
): Promise<Outcome<{ readonly addresses: readonly HeldAddress[]; readonly isComplete: boolean }>> {
  const [blocks, held] = await Promise.all([
    perform((api) => api.GET('/ipam/v1/blocks', { params: { query: { node, limit: addressesMax } } })),
    perform((api) => api.GET('/ipam/v1/addresses', { params: { query: { node, limit: addressesMax } } })),
  ])
  if (!blocks.ok) return blocks
  if (!held.ok) return held
  return {
    ok: true,
    data: { addresses: borrowedOf(held.data.addresses, blocks.data.blocks), isComplete: held.data.continue === null },
  }
}

function borrowedOf(
  addresses: readonly HeldAddress[],
  blocks: readonly Schemas['BlockUtilization'][],
): readonly HeldAddress[] {
  const own = new Set(blocks.map(({ block }) => block))
  return addresses.filter(({ block }) => !own.has(block))
}

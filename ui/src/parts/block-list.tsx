import type { ComponentChildren, JSX } from 'preact'
import { type Call, given, type Schemas } from '../api/index.ts'
import { usePages } from '../live/index.ts'
import { go } from '../router/index.ts'
import { printCount } from '../text/index.ts'
import { blockColumns } from './block-columns.tsx'
import { Section } from './heading.tsx'
import { ShowAs, tableOf } from './show-as.tsx'
import { Table } from './table.tsx'
import { Trouble } from './trouble.tsx'

const pageSize = 200

/** The blocks of a pool, or of a node. */
export interface BlockSelection {
  readonly pool?: string
  readonly node?: string
}

function listBlocks(of: BlockSelection, next?: string): Call<Schemas['BlockList']> {
  return (api) => api.GET('/ipam/v1/blocks', { params: { query: given({ ...of, limit: pageSize, continue: next }) } })
}

/** The blocks that exist, as far as one scrolls. */
export function BlockList({ of, empty }: { of: BlockSelection; empty: ComponentChildren }): JSX.Element {
  const list = usePages(
    JSON.stringify(of),
    (next) => listBlocks(of, next),
    ({ blocks, continue: next }) => ({ items: blocks, next, total: undefined }),
    ['ipamblocks'],
  )
  const columns = blockColumns(of.pool === undefined ? 'node' : 'pool')
  return (
    <Section
      title={list.isComplete ? `Blocks (${printCount(list.items.length)})` : 'Blocks'}
      end={<ShowAs calls={[['List these blocks', listBlocks(of)]]} table={tableOf('blocks', columns, list.items)} />}
    >
      <Trouble problem={list.problem} />
      <Table
        label="Blocks"
        columns={columns}
        rows={list.items}
        keyOf={({ block }) => block}
        onOpen={({ block }) => go({ view: 'block', cidr: block })}
        onEnd={list.readOn}
        empty={list.isAwaited ? 'Reading …' : empty}
      />
    </Section>
  )
}

import type { JSX } from 'preact'
import { type Call, given, type Schemas } from '../../api/index.ts'
import { usePages } from '../../live/index.ts'
import {
  Age,
  Attributes,
  type Column,
  Heading,
  NodeName,
  printAttributes,
  Section,
  ShowAs,
  Table,
  tableOf,
  Trouble,
} from '../../parts/index.ts'
import { go } from '../../router/index.ts'
import { printCount } from '../../text/index.ts'

type Node = Schemas['Node']

const pageSize = 500
const columns: readonly Column<Node>[] = [
  {
    title: 'Node',
    width: 'minmax(140px, 1fr)',
    cell: ({ metadata }) => <NodeName of={metadata.name} />,
    text: ({ metadata }) => metadata.name ?? '',
  },
  {
    title: 'Labels',
    width: 'minmax(160px, 3fr)',
    cell: ({ metadata }) => <Attributes of={metadata.labels} />,
    text: ({ metadata }) => printAttributes(metadata.labels),
  },
  {
    title: 'Created',
    width: '130px',
    cell: ({ metadata }) => <Age at={metadata.creationTimestamp} />,
    text: ({ metadata }) => metadata.creationTimestamp ?? '',
    isOnPhone: false,
  },
]

function listNodes(next?: string): Call<Schemas['NodeList']> {
  return (api) =>
    api.GET('/apis/projectcalico.org/v3/nodes', { params: { query: given({ limit: pageSize, continue: next }) } })
}

/** All nodes with their labels. */
export function NodesView(): JSX.Element {
  const list = usePages(
    'nodes',
    listNodes,
    ({ items, metadata }) => ({
      items,
      next: metadata.continue ?? null,
      total: metadata.remainingItemCount,
    }),
    ['nodes'],
  )
  const remaining = list.isComplete ? 0 : list.total
  const count = remaining === undefined ? undefined : list.items.length + remaining
  return (
    <>
      <Heading title="Nodes" />
      <Section
        title={count === undefined ? 'All nodes' : `All nodes (${printCount(count)})`}
        end={<ShowAs calls={[['List the nodes', listNodes()]]} table={tableOf('nodes', columns, list.items)} />}
      >
        <Trouble problem={list.problem} />
        <Table
          label="Nodes"
          columns={columns}
          rows={list.items}
          keyOf={({ metadata }) => metadata.name ?? ''}
          onOpen={({ metadata }) => go({ view: 'node', name: metadata.name ?? '' })}
          onEnd={list.readOn}
          empty={list.isAwaited ? 'Reading …' : 'There is no node.'}
          total={count}
        />
      </Section>
    </>
  )
}

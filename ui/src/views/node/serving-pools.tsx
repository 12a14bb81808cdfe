import type { JSX } from 'preact'
import { type Call, given, type Schemas } from '../../api/index.ts'
import { readAll, useOutcome } from '../../live/index.ts'
import { type Column, PoolName, Section, ShowAs, Table, tableOf, Trouble } from '../../parts/index.ts'
import { go } from '../../router/index.ts'
import { selects } from '../../selecting/index.ts'

type Pool = Schemas['IPPool']

const pageSize = 500
const pagesMax = 20

function listPools(next?: string): Call<Schemas['IPPoolList']> {
  return (api) =>
    api.GET('/apis/projectcalico.org/v3/ippools', { params: { query: given({ limit: pageSize, continue: next }) } })
}

const columns: readonly Column<Pool>[] = [
  {
    title: 'Pool',
    width: 'minmax(120px, 1fr)',
    cell: ({ metadata }) => <PoolName of={metadata.name} />,
    text: ({ metadata }) => metadata.name ?? '',
  },
  {
    title: 'CIDR',
    width: 'minmax(130px, 1fr)',
    cell: ({ spec }) => <span class="mono">{spec.cidr}</span>,
    text: ({ spec }) => spec.cidr,
  },
  {
    title: 'Selector',
    width: 'minmax(120px, 2fr)',
    cell: ({ spec }) => <span class="mono">{spec.nodeSelector ?? 'all()'}</span>,
    text: ({ spec }) => spec.nodeSelector ?? 'all()',
    isOnPhone: false,
  },
  { title: 'Assigns', width: 'minmax(100px, 1fr)', cell: (pool) => stateOf(pool), text: stateOf },
]

/** The pools whose selector matches the labels. */
export function ServingPools({ labels }: { labels: Readonly<Record<string, string>> }): JSX.Element {
  const { data, problem } = useOutcome('pools', () => readAll(listPools, pagesMax), ['ippools'])
  const pools = (data?.items ?? []).filter(({ spec }) => selects(spec.nodeSelector, labels) === true)
  return (
    <Section
      title={data === undefined ? 'Pools that serve it' : `Pools that serve it (${pools.length})`}
      end={<ShowAs calls={[['List the pools', listPools()]]} table={tableOf('pools', columns, pools)} />}
    >
      <Trouble problem={problem} />
      {data?.isComplete === false && (
        <p class="note warn">There are more than {pageSize * pagesMax} pools; the rest was not looked at.</p>
      )}
      <Table
        label="Pools that serve the node"
        columns={columns}
        rows={pools}
        keyOf={({ metadata }) => metadata.name ?? ''}
        onOpen={({ metadata }) => go({ view: 'pool', name: metadata.name ?? '' })}
        empty={data === undefined ? 'Reading …' : 'No pool selects the node: it gets no addresses.'}
      />
    </Section>
  )
}

function stateOf({ metadata, spec }: Pool): string {
  if (metadata.deletionTimestamp !== undefined) return 'no: terminating'
  if (spec.disabled === true) return 'no: disabled'
  const uses = spec.allowedUses ?? ['Workload']
  const purpose = uses.includes('Workload') ? '' : `, for ${uses.join(', ')}`
  return `${spec.assignmentMode === 'Manual' ? 'when named' : 'yes'}${purpose}`
}

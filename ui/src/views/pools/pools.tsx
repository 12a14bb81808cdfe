import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Call, may, type Schemas } from '../../api/index.ts'
import { usePages, useReading } from '../../live/index.ts'
import {
  type Column,
  Heading,
  Link,
  Meter,
  PoolName,
  Section,
  ShowAs,
  Spark,
  Table,
  tableOf,
  Trouble,
  UseShare,
} from '../../parts/index.ts'
import { go } from '../../router/index.ts'
import { printCount, printShort } from '../../text/index.ts'
import { Attention, type NamedPools } from './attention.tsx'
import { type CountedPool, listPools, listPoolsIn, poolsIn } from './counted-pool.ts'
import { useFindings } from './findings.ts'
import { type Trends, useTrends } from './trends.ts'

const typingMs = 200
const trendsMax = 100
const fullest: Call<Schemas['PoolList']> = (api) =>
  api.GET('/ipam/v1/pools', { params: { query: { sort: '-percentInUse', limit: 50 } } })

/** The pools by fullness, below what needs attention. */
export function PoolsView(): JSX.Element {
  const [sort, setSort] = useState('-percentInUse')
  const [typed, setTyped] = useState('')
  const [q, setQ] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setQ(typed), typingMs)
    return () => clearTimeout(timer)
  }, [typed])
  const list = usePages(
    `pools ${sort} ${q}`,
    (next) => listPools(sort, q, next),
    (answer) => ({ items: poolsIn(answer), next: answer.continue, total: answer.total }),
    ['ipamblocks', 'ippools'],
  )
  const attention = useReading('fullest', fullest, ['ipamblocks', 'ippools'])
  const terminating = useReading('terminating', listPoolsIn('Terminating'), ['ippools'])
  const disabled = useReading('disabled', listPoolsIn('Disabled'), ['ippools'])
  const findings = useFindings(!list.isAwaited)
  const trends = useTrends(list.items.slice(0, trendsMax).map(({ pool }) => pool))
  const columns = poolColumns(trends)
  const hasNone = !list.isAwaited && list.items.length === 0 && q === '' && list.problem === undefined
  return (
    <>
      <Heading title="Pools">
        {may('create', 'ippools') && (
          <Link to={{ view: 'new-pool' }} class="button main">
            New pool
          </Link>
        )}
      </Heading>
      {attention.data !== undefined && terminating.data !== undefined && disabled.data !== undefined && !hasNone && (
        <Attention
          findings={findings}
          fullest={poolsIn(attention.data)}
          terminating={namesIn(terminating.data)}
          disabled={namesIn(disabled.data)}
        />
      )}
      <Section
        title={list.total === undefined ? 'All pools' : `All pools (${printCount(list.total)})`}
        end={
          <>
            <input
              class="filter narrow"
              type="search"
              aria-label="Only pools with this text"
              placeholder="Name or CIDR"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
            <ShowAs calls={[['List the pools', listPools(sort, q)]]} table={tableOf('pools', columns, list.items)} />
          </>
        }
      >
        <Trouble problem={list.problem} />
        <Table
          label="Pools"
          columns={columns}
          rows={list.items}
          keyOf={({ pool }) => pool}
          onOpen={({ pool }) => go({ view: 'pool', name: pool })}
          onEnd={list.readOn}
          sort={sort}
          onSort={setSort}
          empty={list.isAwaited ? 'Reading …' : hasNone ? <NoPools /> : 'No pool has this text.'}
          total={list.total}
        />
      </Section>
    </>
  )
}

function NoPools(): JSX.Element {
  return (
    <>
      There is no pool. A pool is a range from which addresses are assigned.{' '}
      {may('create', 'ippools') && <Link to={{ view: 'new-pool' }}>Create the first one.</Link>}
    </>
  )
}

function poolColumns(trends: Trends): readonly Column<CountedPool>[] {
  return [
    {
      title: 'Pool',
      width: 'minmax(110px, 1.4fr)',
      cell: (row) => <PoolState of={row} />,
      text: (row) => row.pool,
      sort: 'name',
    },
    {
      title: 'CIDR',
      width: 'minmax(120px, 1.2fr)',
      cell: (row) => <span class="mono">{row.cidr}</span>,
      text: (row) => row.cidr,
      isOnPhone: false,
    },
    { title: 'Use', width: 'minmax(90px, 2fr)', cell: (row) => <Meter counts={row} />, text: () => '' },
    {
      title: '%',
      width: '64px',
      cell: (row) => <UseShare counts={row} />,
      text: (row) => String(row.percentInUse),
      isRight: true,
      sort: 'percentInUse',
    },
    {
      title: 'Trend',
      width: '104px',
      cell: (row) => <PoolTrend of={row} trends={trends} />,
      text: (row) => String(row.growthPerHour ?? ''),
      isOnPhone: false,
    },
    {
      title: 'In use',
      width: '84px',
      cell: (row) => <Short of={row.inUse} />,
      text: (row) => row.inUse,
      isRight: true,
      sort: 'inUse',
      isOnPhone: false,
    },
    {
      title: 'Free',
      width: '96px',
      cell: (row) => <Short of={row.available} />,
      text: (row) => row.available,
      isRight: true,
      sort: 'available',
      isOnPhone: false,
    },
    {
      title: 'Capacity',
      width: '92px',
      cell: (row) => <Short of={row.capacity} />,
      text: (row) => row.capacity,
      isRight: true,
      sort: 'capacity',
      isOnPhone: false,
    },
  ]
}

function PoolState({ of }: { of: CountedPool }): JSX.Element {
  return (
    <>
      <PoolName of={of.pool} /> {!of.isAllocatable && <span class="tag">assigns nothing</span>}
    </>
  )
}

function PoolTrend({ of, trends }: { of: CountedPool; trends: Trends }): JSX.Element | null {
  const growth = of.growthPerHour
  const words = growth === null ? 'not known yet' : `${growth >= 0 ? '+' : ''}${Math.round(growth)} an hour`
  return <Spark points={trends.get(of.pool) ?? []} label={`Addresses in use: ${words}`} />
}

function Short({ of }: { of: string }): JSX.Element {
  return <span title={printCount(of)}>{printShort(of)}</span>
}

function namesIn({ pools, total }: Schemas['PoolList']): NamedPools {
  return { names: pools.map(({ utilization }) => utilization.pool), total }
}

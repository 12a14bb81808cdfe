import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { AssignDialog, AssignFieldInputs, readAssign } from '../../actions/index.ts'
import { type Call, may, type Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { type Column, Heading, PoolName, Section, ShowAs, Table, tableOf, Trouble } from '../../parts/index.ts'
import { type AssignDraft, go } from '../../router/index.ts'
import { TryTabs } from './tabs.tsx'

/** What a pool says to a request. */
interface PoolAnswer {
  readonly pool: string
  readonly isEligible: boolean
  readonly message: string | undefined
}

const typingMs = 250
const columns: readonly Column<PoolAnswer>[] = [
  { title: 'Pool', width: 'minmax(110px, 1fr)', cell: ({ pool }) => <PoolName of={pool} />, text: ({ pool }) => pool },
  {
    title: 'Would serve',
    width: '110px',
    cell: ({ isEligible }) => <span class={isEligible ? 'tag good' : 'tag'}>{isEligible ? 'yes' : 'no'}</span>,
    text: ({ isEligible }) => (isEligible ? 'yes' : 'no'),
  },
  {
    title: 'Why',
    width: 'minmax(120px, 4fr)',
    cell: ({ message }) => <span title={message ?? ''}>{message ?? 'it fits the request'}</span>,
    text: ({ message }) => message ?? '',
  },
]

/** What would this assign do, and what does each pool say to it? */
export function TryAssignView({ draft }: { draft: AssignDraft }): JSX.Element {
  const [typed, setTyped] = useState<AssignDraft>(draft)
  const [isAssigning, setAssigning] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => go({ ...typed, view: 'try-assign' }, { replace: true }), typingMs)
    return () => clearTimeout(timer)
  }, [typed])
  const body = readAssign(draft)
  const call: Call<Schemas['AssignExplanation']> = (api) => api.POST('/ipam/v1/assign/explain', { body })
  const { data, problem } = useReading(`explain ${JSON.stringify(body)}`, call, ['ipamblocks', 'ippools'])
  const pools = data === undefined ? [] : answersOf(data)
  return (
    <>
      <Heading title="Try an assign">
        <TryTabs at="assign" />
      </Heading>
      <div class="editor">
        <div>
          <AssignFieldInputs draft={typed} onDraft={setTyped} problem={problem} />
        </div>
        <aside>
          <p class="quiet small">What would happen now</p>
          <Trouble problem={problem} />
          {data !== undefined && <Explained answer={data} />}
          {may('assign', 'addresses') && (
            <div class="buttons">
              <button type="button" class="button" disabled={data?.reason !== null} onClick={() => setAssigning(true)}>
                Assign …
              </button>
            </div>
          )}
        </aside>
      </div>
      <Section
        title="What each pool says"
        end={<ShowAs calls={[['Explain the assign', call]]} table={tableOf('pools', columns, pools)} />}
      >
        <Table
          label="Pools"
          columns={columns}
          rows={pools}
          keyOf={({ pool }) => pool}
          empty={data === undefined ? 'Reading …' : 'There is no pool.'}
        />
      </Section>
      {isAssigning && <AssignDialog initial={draft} onClose={() => setAssigning(false)} />}
    </>
  )
}

function Explained({ answer: { addresses, reason, message } }: { answer: Schemas['AssignExplanation'] }): JSX.Element {
  if (reason !== null) {
    return (
      <p class="note warn">
        <strong>Refused.</strong> {message}
      </p>
    )
  }
  return (
    <ul class="pairs">
      {addresses.map(({ address, pool, block }) => (
        <li key={address}>
          <span class="mono">{address}</span> <span class="quiet">of {pool ?? 'no pool'}, block</span>{' '}
          <span class="mono quiet">{block}</span>
        </li>
      ))}
    </ul>
  )
}

/** What each pool says: first those that would serve the request. A pool may give several reasons. */
function answersOf({ eligiblePools, causes }: Schemas['AssignExplanation']): readonly PoolAnswer[] {
  const reasons = new Map<string, string[]>()
  for (const { field, message } of causes) {
    const pool = poolIn(field)
    reasons.set(pool, [...(reasons.get(pool) ?? []), message])
  }
  const eligible = new Set(eligiblePools)
  const others = [...reasons.keys()].filter((pool) => !eligible.has(pool))
  const answerOf = (pool: string): PoolAnswer => ({
    pool,
    isEligible: eligible.has(pool),
    message: reasons.get(pool)?.join('; '),
  })
  return [...eligiblePools, ...others].map(answerOf)
}

/** The pool that a cause is about: `pools[blue]` names one; other fields are of the request. */
function poolIn(field: string): string {
  return /^pools\[(.+)\]$/.exec(field)?.[1] ?? field
}

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Call, Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { HandleName, NodeName, ShowAs, Trouble } from '../../parts/index.ts'
import { printCount, shareOf } from '../../text/index.ts'

const listedMax = 8

function holdersOf(name: string, by: 'handle' | 'node'): Call<Schemas['PoolHolderList']> {
  return (api) =>
    api.GET('/ipam/v1/pools/{name}/holders', { params: { path: { name }, query: { by, limit: listedMax } } })
}

/** Who holds most addresses of a pool. */
export function Holders({ pool }: { pool: string }): JSX.Element {
  const [by, setBy] = useState<'handle' | 'node'>('node')
  const call = holdersOf(pool, by)
  const { data, problem } = useReading(`holders of ${pool} by ${by}`, call, ['ipamblocks'])
  const most = data?.holders[0]?.addresses ?? 1
  return (
    <section>
      <header class="side-head">
        <h2>Holds most</h2>
        <div class="tabs small" role="group" aria-label="By">
          {(['node', 'handle'] as const).map((one) => (
            <button key={one} type="button" aria-pressed={by === one} onClick={() => setBy(one)}>
              {one === 'node' ? 'Nodes' : 'Handles'}
            </button>
          ))}
        </div>
        <ShowAs isSmall calls={[['Who holds most', call]]} />
      </header>
      <Trouble problem={problem} />
      <ol class="holders">
        {(data?.holders ?? []).map(({ name, addresses }) => (
          <li key={name}>
            <span class="name">{by === 'node' ? <NodeName of={name} /> : <HandleName of={name} />}</span>
            <span class="bar-of" style={{ width: `${shareOf(addresses, most) * 100}%` }} aria-hidden="true" />
            <span class="number">{printCount(addresses)}</span>
          </li>
        ))}
      </ol>
      {data?.holders.length === 0 && <p class="quiet">Nobody holds an address of it.</p>}
    </section>
  )
}

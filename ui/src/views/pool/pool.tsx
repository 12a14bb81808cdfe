import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { covers, formatCidr, parseCidr } from '../../../../src/net/index.ts'
import { AssignDialog, DeletePool, DrainPool, SplitPool } from '../../actions/index.ts'
import { type Call, may, type Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { AddressMap } from '../../map/index.ts'
import { BlockList, Copyable, CountFacts, Heading, Link, Meter, ShowAs, Trouble } from '../../parts/index.ts'
import { go } from '../../router/index.ts'
import { printShare, shareOf } from '../../text/index.ts'
import { Holders } from './holders.tsx'
import { PoolFacts } from './pool-facts.tsx'
import { Reach } from './reach.tsx'

type Pool = Schemas['IPPool']
type Action = { readonly kind: 'assign' } | { readonly kind: 'drain' | 'split' | 'delete'; readonly pool: Pool }

/** A pool: how full it is and where, whom it serves, who holds most. */
export function PoolView({ name, at }: { name: string; at: string | undefined }): JSX.Element {
  const readPool: Call<Pool> = (api) =>
    api.GET('/apis/projectcalico.org/v3/ippools/{name}', { params: { path: { name } } })
  const readCounts: Call<Schemas['Utilization']> = (api) =>
    api.GET('/ipam/v1/utilization', { params: { query: { pools: [name] } } })
  const pool = useReading(`pool ${name}`, readPool, ['ippools'])
  const use = useReading(`counts of ${name}`, readCounts, ['ipamblocks', 'ippools', 'ipreservations'])
  const [action, setAction] = useState<Action>()
  const counts = use.data?.pools[0]
  const object = pool.data
  const outermost = parseCidr(object?.spec.cidr ?? counts?.cidr ?? '')
  const wanted = parseCidr(at ?? '')
  const shown = outermost !== undefined && wanted !== undefined && covers(outermost, wanted) ? wanted : outermost
  const isTerminating = object?.metadata.deletionTimestamp !== undefined
  const close = (): void => setAction(undefined)
  return (
    <>
      <Heading kind="Pool" title={name} isName beside={object !== undefined && <PoolTags pool={object} />}>
        {object !== undefined && (
          <>
            {may('assign', 'addresses') && (
              <button type="button" class="button" onClick={() => setAction({ kind: 'assign' })}>
                Assign
              </button>
            )}
            {may('update', 'ippools') && (
              <>
                <Link to={{ view: 'edit-pool', name }} class="button">
                  Edit
                </Link>
                {!isTerminating && (
                  <button type="button" class="button" onClick={() => setAction({ kind: 'drain', pool: object })}>
                    {object.spec.disabled === true ? 'Enable' : 'Drain'}
                  </button>
                )}
                {!isTerminating && (
                  <button type="button" class="button" onClick={() => setAction({ kind: 'split', pool: object })}>
                    Split
                  </button>
                )}
              </>
            )}
            {may('delete', 'ippools') && !isTerminating && (
              <button type="button" class="button danger" onClick={() => setAction({ kind: 'delete', pool: object })}>
                Delete
              </button>
            )}
          </>
        )}
        <ShowAs
          calls={[
            ['Read the pool', readPool],
            ['Count its addresses', readCounts],
          ]}
        />
      </Heading>
      <Trouble problem={pool.problem ?? use.problem} />
      {counts !== undefined && (
        <div class="use">
          <p class="use-share">
            <strong class="number">{printShare(shareOf(counts.inUse, counts.capacity))}</strong> in use
          </p>
          <Meter counts={counts} />
          <CountFacts counts={counts} />
        </div>
      )}
      {outermost !== undefined && shown !== undefined && (
        <div class="with-side">
          <div>
            <AddressMap
              outermost={outermost}
              shown={shown}
              onShow={(cidr) =>
                go({ view: 'pool', name, ...(formatCidr(cidr) !== formatCidr(outermost) && { at: formatCidr(cidr) }) })
              }
              onOpenAddress={(address) => go({ view: 'address', address })}
            />
            <BlockList of={{ pool: name }} empty="No block exists: nothing was assigned from the pool yet." />
          </div>
          <aside class="side">
            {object !== undefined && <Reach selector={object.spec.nodeSelector ?? 'all()'} />}
            <Holders pool={name} />
            {object !== undefined && <PoolFacts pool={object} />}
          </aside>
        </div>
      )}
      {action?.kind === 'assign' && <AssignDialog initial={{ pools: name }} onClose={close} />}
      {action?.kind === 'drain' && <DrainPool pool={action.pool} onClose={close} />}
      {action?.kind === 'split' && <SplitPool pool={action.pool} onClose={close} />}
      {action?.kind === 'delete' && <DeletePool pool={action.pool} onClose={close} />}
    </>
  )
}

function PoolTags({ pool: { metadata, spec } }: { pool: Pool }): JSX.Element {
  return (
    <p class="tags under-title">
      <Copyable text={spec.cidr} what="the CIDR">
        <span class="mono">{spec.cidr}</span>
      </Copyable>
      {metadata.deletionTimestamp !== undefined && <span class="tag warn">terminating</span>}
      {spec.disabled === true && <span class="tag">disabled</span>}
      {spec.assignmentMode === 'Manual' && <span class="tag">only when named</span>}
    </p>
  )
}

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { parseCidr } from '../../../../src/net/index.ts'
import type { Call, Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { AddressMap } from '../../map/index.ts'
import {
  AddressList,
  CountFacts,
  Heading,
  Link,
  Meter,
  Moment,
  NodeName,
  PoolName,
  ShowAs,
  Trouble,
} from '../../parts/index.ts'
import { go } from '../../router/index.ts'

const addressesMax = 1000

/** A block: each address as a cell, and whose the block is. */
export function BlockView({ cidr: text }: { cidr: string }): JSX.Element {
  const cidr = parseCidr(text)
  if (cidr === undefined)
    return (
      <>
        <Heading kind="Block" title={text} />
        <p class="note">{text} is no CIDR; a block is one such as 10.1.0.0/26.</p>
      </>
    )
  return <Block cidr={cidr} text={text} />
}

function Block({ cidr, text }: { cidr: NonNullable<ReturnType<typeof parseCidr>>; text: string }): JSX.Element {
  const listHeld: Call<Schemas['AddressList']> = (api) =>
    api.GET('/ipam/v1/addresses', { params: { query: { cidr: text, limit: addressesMax } } })
  const readMap: Call<Schemas['AddressMap']> = (api) =>
    api.GET('/ipam/v1/map', { params: { query: { cidr: text, prefixLength: cidr.prefixLength } } })
  const readBlock: Call<Schemas['IPAMBlock']> = (api) =>
    api.GET('/apis/projectcalico.org/v3/ipamblocks/{name}', { params: { path: { name: nameOf(text) } } })
  const held = useReading(`held in ${text}`, listHeld, ['ipamblocks'])
  const map = useReading(`counts of ${text}`, readMap, ['ipamblocks', 'ippools', 'ipreservations'])
  const block = useReading(`block ${text}`, readBlock, ['ipamblocks'])
  const holders = useMemo(() => new Map((held.data?.addresses ?? []).map((one) => [one.address, one])), [held.data])
  const counts = map.data?.ranges[0]
  const pool = map.data?.pools[0]?.pool ?? counts?.pools[0]
  const about = (address: string): string | undefined => {
    const one = holders.get(address)
    if (one === undefined) return undefined
    return [`held by ${one.handle ?? 'nobody known'}`, one.node !== null && `on ${one.node}`]
      .filter((part) => part !== false)
      .join(' ')
  }
  const isGone = block.problem?.status === 404
  return (
    <>
      <Heading kind="Block" title={text} isName>
        <Link to={{ view: 'addresses', cidr: text }} class="button">
          List its addresses
        </Link>
        <ShowAs
          calls={[
            ['Read the block', readBlock],
            ['List the addresses that are held', listHeld],
          ]}
        />
      </Heading>
      {!isGone && <Trouble problem={map.problem ?? block.problem} />}
      {isGone && (
        <p class="note">There is no block of this range: it is made when the first address is assigned from it.</p>
      )}
      {counts !== undefined && (
        <div class="use">
          <Meter counts={counts} />
          <CountFacts counts={counts} />
        </div>
      )}
      <div class="with-side">
        <div>
          <AddressMap
            outermost={cidr}
            shown={cidr}
            onShow={() => undefined}
            onOpenAddress={(address) => go({ view: 'address', address })}
            about={about}
          />
          <AddressList title="Held" of={{ cidr: text }} without={['pool']} empty="No address of the block is held." />
        </div>
        <aside class="side">
          <section>
            <h2>Whose it is</h2>
            <dl class="sheet narrow">
              <dt>Node</dt>
              <dd>
                {block.data === undefined ? <span class="quiet">–</span> : <Affinity of={block.data.spec.affinity} />}
              </dd>
              <dt>Pool</dt>
              <dd>
                <PoolName of={pool} />
              </dd>
              <dt>Claimed</dt>
              <dd>
                <Moment at={block.data?.spec.affinityClaimTime} />
              </dd>
            </dl>
          </section>
        </aside>
      </div>
    </>
  )
}

/** An affinity as it is stored: `host:NODE`, or `virtual:NAME` for load balancers. */
function Affinity({ of }: { of: string | null | undefined }): JSX.Element {
  if (of === null || of === undefined) return <span class="quiet">no node: any may use it</span>
  const [type, ...rest] = of.split(':')
  return type === 'host' ? <NodeName of={rest.join(':')} /> : <span class="mono">{of}</span>
}

/** The name of a block's object: its CIDR, with dashes for what a name cannot have. */
function nameOf(cidr: string): string {
  return cidr.replaceAll(/[.:/]/g, '-')
}

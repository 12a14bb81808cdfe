import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { AssignDialog, ReleaseAddress } from '../../actions/index.ts'
import { type Call, may, type Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import {
  Attributes,
  BlockName,
  Copyable,
  HandleName,
  Heading,
  Link,
  Moment,
  NodeName,
  PoolName,
  Section,
  ShowAs,
  Trouble,
} from '../../parts/index.ts'
import { Forgotten, FreeState } from './state.tsx'

/** One address: who holds it, or that nobody does. */
export function AddressView({ address }: { address: string }): JSX.Element {
  const call: Call<Schemas['Allocation']> = (api) =>
    api.GET('/ipam/v1/addresses/{ip}', { params: { path: { ip: address } } })
  const { data, problem } = useReading(`address ${address}`, call, ['ipamblocks'])
  const [isAssigning, setAssigning] = useState(false)
  // As it was seen: the release is of this assignment only, and its dialog stays when the address is free.
  const [released, setReleased] = useState<Schemas['Allocation']>()
  const isFree = problem?.status === 404
  const held = isFree ? undefined : data
  return (
    <>
      <Heading kind="Address" title={address} isName>
        {held !== undefined && may('release', 'addresses') && (
          <button type="button" class="button danger" onClick={() => setReleased(held)}>
            Release {address}
          </button>
        )}
        {isFree && may('assign', 'addresses') && (
          <button type="button" class="button main" onClick={() => setAssigning(true)}>
            Assign {address}
          </button>
        )}
        <ShowAs calls={[['Read the address', call]]} />
      </Heading>
      {isFree && <FreeState address={address} />}
      {!isFree && <Trouble problem={problem} />}
      {held !== undefined && <Holding of={held} />}
      {held !== undefined && <HolderAttributes address={address} />}
      {held !== undefined && <Forgotten />}
      {released !== undefined && <ReleaseAddress of={released} onClose={() => setReleased(undefined)} />}
      {isAssigning && <AssignDialog initial={{ addresses: address }} onClose={() => setAssigning(false)} />}
    </>
  )
}

function Holding({ of }: { of: Schemas['Allocation'] }): JSX.Element {
  return (
    <dl class="sheet">
      <dt>Holder</dt>
      <dd>
        {of.handle === null ? (
          <span class="quiet">assigned without a handle</span>
        ) : (
          <Copyable text={of.handle} what="the handle">
            <HandleName of={of.handle} />
          </Copyable>
        )}
      </dd>
      <dt>Node</dt>
      <dd>
        <NodeName of={of.node} />
      </dd>
      <dt>Pool</dt>
      <dd>
        <PoolName of={of.pool} />
      </dd>
      <dt>Block</dt>
      <dd>
        <BlockName of={of.block} />
      </dd>
      <dt>Assigned</dt>
      <dd>
        {of.assignedAt === null ? (
          <span class="quiet">not stored: only some callers, such as Calico, note the time in an attribute</span>
        ) : (
          <Moment at={of.assignedAt} />
        )}
      </dd>
      <dt>Sequence number</dt>
      <dd>
        <Copyable text={of.sequenceNumber} what="the sequence number">
          <span class="mono">{of.sequenceNumber}</span>
        </Copyable>
        <p class="quiet small">Every new assignment of the address has another one.</p>
      </dd>
      <dt>Attributes</dt>
      <dd>
        <Attributes of={of.attributes} />
      </dd>
    </dl>
  )
}

function HolderAttributes({ address }: { address: string }): JSX.Element | null {
  const call: Call<Schemas['Ownership']> = (api) =>
    api.GET('/ipam/v1/addresses/{ip}/attributes', { params: { path: { ip: address } } })
  const { data } = useReading(`holders of ${address}`, call, ['ipamblocks'])
  if (data === undefined || (data.alternate.node === null && Object.keys(data.alternate.attributes).length === 0))
    return null
  return (
    <Section title="Who uses it" end={<ShowAs calls={[['Read who uses the address', call]]} />}>
      <dl class="sheet">
        {(['active', 'alternate'] as const).map((who) => (
          <div key={who} class="pair">
            <dt>{who === 'active' ? 'Active' : 'Alternate'}</dt>
            <dd>
              <NodeName of={data[who].node} /> <Attributes of={data[who].attributes} />
            </dd>
          </div>
        ))}
      </dl>
      <p class="quiet small">
        A live migration hands the address from one to the other.{' '}
        <Link to={{ view: 'handle', handle: data.handle ?? '' }}>The handle</Link> stays.
      </p>
    </Section>
  )
}

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { LabelNode, RemoveNode } from '../../actions/index.ts'
import { type Call, may, type Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { AddressList, Attributes, BlockList, Heading, Moment, ShowAs, Trouble } from '../../parts/index.ts'
import { Borrowed } from './borrowed.tsx'
import { ServingPools } from './serving-pools.tsx'

/** A node: its labels, what it has and uses, and the pools that serve it. */
export function NodeView({ name }: { name: string }): JSX.Element {
  const call: Call<Schemas['Node']> = (api) =>
    api.GET('/apis/projectcalico.org/v3/nodes/{name}', { params: { path: { name } } })
  const { data: node, problem } = useReading(`node ${name}`, call, ['nodes'])
  const [isLabelling, setLabelling] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const labels = node?.metadata.labels
  return (
    <>
      <Heading kind="Node" title={name} isName>
        {node !== undefined && may('patch', 'nodes') && (
          <button type="button" class="button" onClick={() => setLabelling(true)}>
            Change labels
          </button>
        )}
        {may('delete', 'nodes') && (
          <button type="button" class="button danger" onClick={() => setRemoving(true)}>
            Remove from IPAM
          </button>
        )}
        <ShowAs calls={[['Read the node', call]]} />
      </Heading>
      {problem?.status === 404 ? (
        <p class="note">There is no Node object of this name. Selectors treat it as a node without labels.</p>
      ) : (
        <Trouble problem={problem} />
      )}
      {node !== undefined && (
        <dl class="sheet">
          <dt>Labels</dt>
          <dd>
            <Attributes of={labels} />
          </dd>
          <dt>Created</dt>
          <dd>
            <Moment at={node.metadata.creationTimestamp} />
          </dd>
        </dl>
      )}
      <ServingPools labels={labels ?? {}} />
      <BlockList of={{ node: name }} empty="The node has no block." />
      <Borrowed node={name} />
      <AddressList title="Uses" of={{ node: name }} without={['node']} empty="The node uses no address." />
      {isLabelling && node !== undefined && <LabelNode node={node} onClose={() => setLabelling(false)} />}
      {isRemoving && <RemoveNode name={name} onClose={() => setRemoving(false)} />}
    </>
  )
}

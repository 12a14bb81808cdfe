import type { JSX } from 'preact'
import type { Schemas } from '../../api/index.ts'
import { Attributes, Moment } from '../../parts/index.ts'

const words: Readonly<Record<string, string>> = {
  Workload: 'workloads',
  Tunnel: 'tunnels',
  LoadBalancer: 'load balancers',
}

/** The rest of what is known about a pool. */
export function PoolFacts({ pool: { metadata, spec } }: { pool: Schemas['IPPool'] }): JSX.Element {
  const uses = spec.allowedUses ?? ['Workload', 'Tunnel']
  const encapsulation = [
    spec.ipipMode !== undefined && spec.ipipMode !== 'Never' && `IP in IP: ${spec.ipipMode}`,
    spec.vxlanMode !== undefined && spec.vxlanMode !== 'Never' && `VXLAN: ${spec.vxlanMode}`,
  ].filter((text) => text !== false)
  return (
    <section>
      <h2>Settings</h2>
      <dl class="sheet narrow">
        <dt>Block size</dt>
        <dd>/{spec.blockSize}</dd>
        <dt>For</dt>
        <dd>{uses.map((use) => words[use] ?? use).join(', ')}</dd>
        {spec.namespaceSelector !== undefined && (
          <>
            <dt>Namespaces</dt>
            <dd class="mono">{spec.namespaceSelector}</dd>
          </>
        )}
        <dt>Encapsulation</dt>
        <dd>{encapsulation.length === 0 ? 'none' : encapsulation.join(', ')}</dd>
        <dt>NAT to outside</dt>
        <dd>{spec.natOutgoing === true ? 'yes' : 'no'}</dd>
        <dt>BGP</dt>
        <dd>{spec.disableBGPExport === true ? 'routes are kept out' : 'routes are exported'}</dd>
        <dt>Labels</dt>
        <dd>
          <Attributes of={metadata.labels} />
        </dd>
        <dt>Created</dt>
        <dd>
          <Moment at={metadata.creationTimestamp} />
        </dd>
      </dl>
    </section>
  )
}

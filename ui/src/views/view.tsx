import type { JSX } from 'preact'
import { Heading, lazy, Link } from '../parts/index.ts'
import type { Route } from '../router/index.ts'
import { AddressView } from './address/address.tsx'
import { AddressesView } from './addresses/addresses.tsx'
import { BlockView } from './block/block.tsx'
import { HandleView } from './handle/handle.tsx'
import { NodesView } from './nodes/nodes.tsx'
import { PoolView } from './pool/pool.tsx'
import { PoolsView } from './pools/pools.tsx'

// What is looked at less often is loaded when it is.
const CheckView = lazy(async () => (await import('./check/check.tsx')).CheckView)
const NodeView = lazy(async () => (await import('./node/node.tsx')).NodeView)
const ReservationsView = lazy(async () => (await import('./reservations/reservations.tsx')).ReservationsView)
const TrySelectorView = lazy(async () => (await import('./trying/selector.tsx')).TrySelectorView)
const TryAssignView = lazy(async () => (await import('./trying/assign.tsx')).TryAssignView)
const NewPoolView = lazy(async () => (await import('../editing/index.ts')).NewPoolView)
const EditPoolView = lazy(async () => (await import('../editing/index.ts')).EditPoolView)

/** The view of an address. */
export function View({ route }: { route: Route }): JSX.Element {
  switch (route.view) {
    case 'pools':
      return <PoolsView />
    case 'new-pool':
      return <NewPoolView />
    case 'pool':
      return <PoolView name={route.name} at={route.at} />
    case 'edit-pool':
      return <EditPoolView name={route.name} />
    case 'block':
      return <BlockView cidr={route.cidr} />
    case 'addresses':
      return <AddressesView filter={route} />
    case 'address':
      return <AddressView address={route.address} />
    case 'handle':
      return <HandleView handle={route.handle} />
    case 'nodes':
      return <NodesView />
    case 'node':
      return <NodeView name={route.name} />
    case 'reservations':
      return <ReservationsView />
    case 'check':
      return <CheckView />
    case 'try-selector':
      return <TrySelectorView text={route.text} />
    case 'try-assign':
      return <TryAssignView draft={route} />
    case 'unknown':
      return (
        <>
          <Heading title="Nothing is here" />
          <p>
            No view has the address <span class="mono">{route.path}</span>.{' '}
            <Link to={{ view: 'pools' }}>Show the pools.</Link>
          </p>
        </>
      )
  }
}

import type { ComponentChildren, JSX } from 'preact'
import { printRoute, type Route } from '../router/index.ts'

interface LinkProps {
  readonly to: Route
  readonly class?: string
  readonly title?: string
  readonly 'aria-label'?: string
  readonly 'aria-current'?: 'page'
  readonly children: ComponentChildren
}

/** A link to a view. */
export function Link({ to, children, ...rest }: LinkProps): JSX.Element {
  return (
    <a {...rest} href={printRoute(to)}>
      {children}
    </a>
  )
}

/** The name of an object as a link to it, in the face of addresses. A dash for none. */
function Name({ of, to }: { of: string | null | undefined; to: (name: string) => Route }): JSX.Element {
  if (of === null || of === undefined || of === '') return <span class="quiet">–</span>
  return (
    <Link to={to(of)} class="mono" title={of}>
      {of}
    </Link>
  )
}

/** A pool, by name. */
export function PoolName({ of }: { of: string | null | undefined }): JSX.Element {
  return <Name of={of} to={(name) => ({ view: 'pool', name })} />
}

/** A node, by name. */
export function NodeName({ of }: { of: string | null | undefined }): JSX.Element {
  return <Name of={of} to={(name) => ({ view: 'node', name })} />
}

/** A handle. */
export function HandleName({ of }: { of: string | null | undefined }): JSX.Element {
  return <Name of={of} to={(handle) => ({ view: 'handle', handle })} />
}

/** An address. */
export function AddressName({ of }: { of: string }): JSX.Element {
  return <Name of={of} to={(address) => ({ view: 'address', address })} />
}

/** A block, by its CIDR. */
export function BlockName({ of }: { of: string }): JSX.Element {
  return <Name of={of} to={(cidr) => ({ view: 'block', cidr })} />
}

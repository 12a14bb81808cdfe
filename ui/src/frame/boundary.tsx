import { Component, type ComponentChildren, type JSX } from 'preact'

interface BoundaryState {
  readonly fault: string | undefined
}

/** Keeps a fault of the page in the view in which it happens: the bar stays, and leads elsewhere. */
export class Boundary extends Component<{ readonly children: ComponentChildren }, BoundaryState> {
  override state: BoundaryState = { fault: undefined }

  static override getDerivedStateFromError(fault: unknown): BoundaryState {
    return { fault: fault instanceof Error ? fault.message : String(fault) }
  }

  override render(): JSX.Element {
    if (this.state.fault === undefined) return <>{this.props.children}</>
    return (
      <div class="note trouble" role="alert">
        <p>
          <strong>This view has a fault:</strong> {this.state.fault}
        </p>
        <p>Reload the page. If that does not help, the same can be read with curl or ippool.</p>
      </div>
    )
  }
}

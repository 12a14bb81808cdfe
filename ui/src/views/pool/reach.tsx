import type { JSX } from 'preact'
import type { Call, Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import { Link, NodeName, ShowAs, Trouble } from '../../parts/index.ts'
import { counted, printCount } from '../../text/index.ts'

const namedMax = 12

/** Asks which nodes a selector matches. */
function nodesOf(selector: string, limit: number): Call<Schemas['MatchedNodes']> {
  return (api) => api.GET('/ipam/v1/selectors/nodes', { params: { query: { selector, limit } } })
}

/** Which nodes get addresses from a pool. */
export function Reach({ selector }: { selector: string }): JSX.Element {
  const call = nodesOf(selector, namedMax)
  const { data, problem } = useReading(`reach ${selector}`, call)
  return (
    <section>
      <header class="side-head">
        <h2>Serves {data === undefined ? 'nodes' : `${printCount(data.matched)} of ${counted(data.total, 'node')}`}</h2>
        <ShowAs isSmall calls={[['List the nodes', call]]} />
      </header>
      <Trouble problem={problem} />
      <p class="mono">{selector}</p>
      <p class="names">
        {(data?.nodes ?? []).map((name) => (
          <NodeName key={name} of={name} />
        ))}
      </p>
      <p class="small">
        <Link to={{ view: 'try-selector', text: selector }}>Try the selector</Link>
      </p>
    </section>
  )
}

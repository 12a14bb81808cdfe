import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Call, Schemas } from '../../api/index.ts'
import { useReading } from '../../live/index.ts'
import {
  type Column,
  Heading,
  NodeName,
  Section,
  ShowAs,
  Table,
  tableOf,
  TextField,
  Trouble,
} from '../../parts/index.ts'
import { go } from '../../router/index.ts'
import { counted, printCount } from '../../text/index.ts'
import { TryTabs } from './tabs.tsx'

const typingMs = 250
const nodesMax = 1000
const columns: readonly Column<string>[] = [
  { title: 'Node', width: '1fr', cell: (name) => <NodeName of={name} />, text: (name) => name },
]

/** Which nodes would this selector match? */
export function TrySelectorView({ text = 'all()' }: { text: string | undefined }): JSX.Element {
  const [typed, setTyped] = useState(text)
  useEffect(() => setTyped(text), [text])
  useEffect(() => {
    if (typed === text) return undefined
    const timer = setTimeout(() => go({ view: 'try-selector', text: typed }, { replace: true }), typingMs)
    return () => clearTimeout(timer)
  }, [typed])
  const call: Call<Schemas['MatchedNodes']> = (api) =>
    api.GET('/ipam/v1/selectors/nodes', { params: { query: { selector: text, limit: nodesMax } } })
  const { data, problem } = useReading(`selector ${text}`, call, ['nodes'])
  const nodes = data?.nodes ?? []
  return (
    <>
      <Heading title="Try a selector">
        <TryTabs at="selector" />
      </Heading>
      <TextField
        label="Selector"
        help={
          <>
            Calico's language: <span class="mono">zone == 'a' && has(edge)</span>,{' '}
            <span class="mono">rack in {"{'1', '2'}"}</span>, <span class="mono">!(zone starts with 'b')</span>
          </>
        }
        value={typed}
        onValue={setTyped}
        blamed={['selector']}
        problem={problem}
        isCode
        isFocused
      />
      {problem?.causes.length === 0 && <Trouble problem={problem} />}
      {data !== undefined && (
        <Section
          title={`Matches ${printCount(data.matched)} of ${counted(data.total, 'node')}`}
          end={<ShowAs calls={[['Which nodes match', call]]} table={tableOf('nodes', columns, nodes)} />}
        >
          <Table
            label="Nodes that match"
            columns={columns}
            rows={nodes}
            keyOf={(name) => name}
            onOpen={(name) => go({ view: 'node', name })}
            empty="No node matches."
            total={data.matched}
          />
        </Section>
      )}
    </>
  )
}

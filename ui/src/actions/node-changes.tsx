import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Schemas } from '../api/index.ts'
import { Attributes, Choice, TextField } from '../parts/index.ts'
import { counted } from '../text/index.ts'
import { AddressTexts } from './address-texts.tsx'
import { ChangeDialog } from './change-dialog.tsx'
import { labelPatch, printLabels, readLabels } from './labels.ts'
import { type Entries, useBase } from './use-base.ts'

type Node = Schemas['Node']

/** Changes the labels of a node. Which pools serve it follows from them. */
export function LabelNode({ node, onClose }: { node: Node; onClose: () => void }): JSX.Element {
  const name = node.metadata.name ?? ''
  const [text, setText] = useState(printLabels(node.metadata.labels))
  const mine = readLabels(text)
  const { base = node, conflict } = useBase({
    stored: node,
    entriesOf: labelsOf,
    mine,
    onMine: (labels) => setText(printLabels(labels)),
  })
  const labels = labelPatch(base.metadata.labels, mine)
  const isChanged = Object.keys(labels).length > 0
  return (
    <ChangeDialog
      title={`Label ${name}`}
      draft={isChanged ? JSON.stringify([base.metadata.resourceVersion, labels]) : undefined}
      conflict={conflict}
      change={(query) => (api) =>
        api.PATCH('/apis/projectcalico.org/v3/nodes/{name}', {
          params: { path: { name }, query },
          body: { metadata: { resourceVersion: base.metadata.resourceVersion, labels } },
          headers: { 'content-type': 'application/merge-patch+json' },
        })
      }
      preview={({ metadata }) => (
        <p>
          The labels would be <Attributes of={metadata.labels} />
        </p>
      )}
      outcome={({ metadata }) => (
        <p>
          The labels are <Attributes of={metadata.labels} />
        </p>
      )}
      onClose={onClose}
    >
      {(problem) => (
        <TextField
          label="Labels"
          help="name=value, with blanks in between."
          value={text}
          onValue={setText}
          blamed={['metadata.labels']}
          problem={problem}
          isCode
          rows={4}
        />
      )}
    </ChangeDialog>
  )
}

function labelsOf({ metadata }: Node): Entries {
  return readLabels(printLabels(metadata.labels))
}

/** Removes a node that is gone: its blocks, and on request its addresses. */
export function RemoveNode({ name, onClose }: { name: string; onClose: () => void }): JSX.Element {
  const [releaseAddresses, setReleasing] = useState(false)
  return (
    <ChangeDialog
      title={`Remove ${name}`}
      isDanger
      draft={`${name} ${String(releaseAddresses)}`}
      change={(query) => (api) =>
        api.DELETE('/ipam/v1/nodes/{node}', {
          params: { path: { node: name }, query: { ...query, ...(releaseAddresses && { releaseAddresses }) } },
        })
      }
      preview={(answer) => <RemovalTold answer={answer} isDone={false} />}
      outcome={(answer) => <RemovalTold answer={answer} isDone />}
      onClose={onClose}
    >
      {() => (
        <Choice label="Also release the addresses that the node uses" isOn={releaseAddresses} onChange={setReleasing} />
      )}
    </ChangeDialog>
  )
}

function RemovalTold({ answer, isDone }: { answer: Schemas['ForgottenNode']; isDone: boolean }): JSX.Element {
  const verb = isDone ? 'were' : 'would be'
  const { addresses, affinities } = answer
  return (
    <div>
      <p>
        {counted(affinities.released.length, 'block')} {verb} released, and{' '}
        {counted(addresses.released.length, 'address', 'addresses')}.
      </p>
      <AddressTexts addresses={addresses.released} />
      {addresses.left.length > 0 && (
        <>
          <p>{counted(addresses.left.length, 'address stays', 'addresses stay')} assigned:</p>
          <AddressTexts addresses={addresses.left} />
        </>
      )}
      {!answer.isComplete && <p>The call was interrupted. What it did stays done; do it again for the rest.</p>}
    </div>
  )
}

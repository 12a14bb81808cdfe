import type { JSX } from 'preact'
import { draftOfPool, type PoolDraft, withPoolField } from '../actions/index.ts'
import type { Problem } from '../api/index.ts'
import { Choice, SelectField, TextField } from '../parts/index.ts'

interface PoolFieldsProps {
  readonly pool: unknown
  readonly onPool: (pool: unknown) => void
  readonly isNew: boolean
  readonly problem: Problem | undefined
}

const modes = [
  ['Never', 'Never'],
  ['Always', 'Always'],
  ['CrossSubnet', 'Between subnets'],
] as const
const uses = [
  ['Workload', 'Workloads'],
  ['Tunnel', 'Tunnels'],
  ['LoadBalancer', 'Load balancers'],
] as const

/** The inputs of a pool. */
export function PoolFields({ pool, onPool, isNew, problem }: PoolFieldsProps): JSX.Element {
  const draft = draftOfPool(pool)
  const change =
    <Name extends keyof PoolDraft>(name: Name) =>
    (value: PoolDraft[Name]) =>
      onPool(withPoolField(pool, name, value))
  const field = (
    name: 'name' | 'cidr' | 'blockSize' | 'nodeSelector' | 'namespaceSelector' | 'labels',
    blamed: string,
  ) => ({
    value: draft[name],
    onValue: change(name),
    blamed: [blamed],
    problem,
    isCode: true,
  })
  return (
    <div class="fields">
      {isNew && (
        <>
          <TextField label="Name" {...field('name', 'metadata.name')} isFocused />
          <TextField
            label="CIDR"
            placeholder="10.1.0.0/16"
            help="The range of the pool. It cannot be changed later."
            {...field('cidr', 'spec.cidr')}
          />
          <TextField
            label="Block size"
            placeholder="26, or 122 for IPv6"
            help="Prefix length of its blocks. It cannot be changed later."
            {...field('blockSize', 'spec.blockSize')}
          />
        </>
      )}
      <TextField
        label="Labels"
        placeholder="team=net"
        help="name=value, with blanks in between."
        isWide
        {...field('labels', 'metadata.labels')}
      />
      <TextField
        label="Nodes"
        help="Selector of the nodes that get addresses from it."
        isWide
        {...field('nodeSelector', 'spec.nodeSelector')}
      />
      <TextField
        label="Namespaces"
        placeholder="all"
        help="Selector of the namespaces that get addresses from it."
        isWide
        {...field('namespaceSelector', 'spec.namespaceSelector')}
      />
      <fieldset class="field wide">
        <legend class="label">Addresses are for</legend>
        <div class="choices">
          {uses.map(([use, label]) => (
            <Choice
              key={use}
              label={label}
              isOn={draft.uses.includes(use)}
              onChange={(isOn) => change('uses')(isOn ? [...draft.uses, use] : draft.uses.filter((one) => one !== use))}
            />
          ))}
        </div>
        <Wrong problem={problem} field="spec.allowedUses" />
      </fieldset>
      <SelectField
        label="IP in IP"
        value={draft.ipipMode}
        onValue={change('ipipMode')}
        options={modes}
        blamed={['spec.ipipMode']}
        problem={problem}
      />
      <SelectField
        label="VXLAN"
        value={draft.vxlanMode}
        onValue={change('vxlanMode')}
        options={modes}
        blamed={['spec.vxlanMode']}
        problem={problem}
      />
      <SelectField
        label="Assigns"
        value={draft.assignmentMode}
        onValue={change('assignmentMode')}
        options={[
          ['Automatic', 'to every request that fits'],
          ['Manual', 'only to requests that name it'],
        ]}
        blamed={['spec.assignmentMode']}
        problem={problem}
      />
      <div class="field wide choices">
        <Choice label="Disabled: assigns no new addresses" isOn={draft.disabled} onChange={change('disabled')} />
        <Choice label="NAT for packets to the outside" isOn={draft.natOutgoing} onChange={change('natOutgoing')} />
        <Choice
          label="Keep its routes out of BGP"
          isOn={draft.disableBGPExport}
          onChange={change('disableBGPExport')}
        />
      </div>
    </div>
  )
}

function Wrong({ problem, field }: { problem: Problem | undefined; field: string }): JSX.Element {
  const causes = problem?.causes.filter((cause) => cause.field.startsWith(field)) ?? []
  return (
    <>
      {causes.map(({ message }) => (
        <p key={message} class="wrong">
          {message}
        </p>
      ))}
    </>
  )
}

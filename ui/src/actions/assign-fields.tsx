import type { JSX } from 'preact'
import type { Problem } from '../api/index.ts'
import { SelectField, TextField } from '../parts/index.ts'
import type { AssignDraft } from '../router/index.ts'

interface AssignFieldsProps {
  readonly draft: AssignDraft
  readonly onDraft: (draft: AssignDraft) => void
  readonly problem: Problem | undefined
}

/** The inputs of an assign. */
export function AssignFieldInputs({ draft, onDraft, problem }: AssignFieldsProps): JSX.Element {
  const field = (name: keyof AssignDraft) => ({
    value: draft[name] ?? '',
    onValue: (value: string) => onDraft({ ...draft, [name]: value }),
    problem,
  })
  const hasAddresses = (draft.addresses ?? '').trim() !== ''
  return (
    <div class="fields">
      <TextField
        label="Handle"
        help="The name that will hold the addresses; the server makes one up if empty."
        blamed={['handle', 'maxPerHandle']}
        {...field('handle')}
        isCode
        isFocused
      />
      <TextField label="Node" help="The machine that will use them." blamed={['node']} {...field('node')} isCode />
      {!hasAddresses && (
        <>
          <TextField label="IPv4 addresses" placeholder="1" help="How many." blamed={['ipv4']} {...field('ipv4')} />
          <TextField label="IPv6 addresses" placeholder="0" help="How many." blamed={['ipv6']} {...field('ipv6')} />
        </>
      )}
      <TextField
        label="These addresses"
        help="Instead of numbers, with blanks in between."
        blamed={['addresses']}
        {...field('addresses')}
        isCode
        isWide={hasAddresses}
      />
      <TextField
        label="Pools"
        help="Names or CIDRs; all pools if empty."
        blamed={['pools']}
        {...field('pools')}
        isCode
      />
      <SelectField
        label="Use"
        blamed={['use']}
        options={[
          ['Workload', 'Workload'],
          ['Tunnel', 'Tunnel'],
          ['LoadBalancer', 'Load balancer'],
        ]}
        {...field('use')}
        value={draft.use ?? 'Workload'}
      />
      <TextField
        label="Attributes"
        placeholder="tenant=blue app=web"
        help="name=value, with blanks in between."
        blamed={['attributes']}
        {...field('attributes')}
        isCode
      />
    </div>
  )
}

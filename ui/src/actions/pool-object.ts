import { isFields } from '../fields.ts'
import { printLabels, readLabels } from './labels.ts'

type Fields = Readonly<Record<string, unknown>>

/** The fields of a pool that the form has, each as it is typed or chosen. */
export interface PoolDraft {
  readonly name: string
  readonly cidr: string
  readonly blockSize: string
  readonly nodeSelector: string
  readonly namespaceSelector: string
  readonly uses: readonly string[]
  readonly assignmentMode: string
  readonly disabled: boolean
  readonly natOutgoing: boolean
  readonly disableBGPExport: boolean
  readonly ipipMode: string
  readonly vxlanMode: string
  readonly labels: string
}

/** The object that a form for a new pool begins with. */
export const newPool: object = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name: '' },
  spec: { cidr: '', nodeSelector: 'all()', allowedUses: ['Workload', 'Tunnel'] },
}

/** The fields of the form, of an object that may have been typed as YAML. */
export function draftOfPool(pool: unknown): PoolDraft {
  const { metadata, spec } = partsOf(pool)
  const uses = spec['allowedUses']
  return {
    name: text(metadata['name']),
    cidr: text(spec['cidr']),
    blockSize: text(spec['blockSize']),
    nodeSelector: text(spec['nodeSelector']),
    namespaceSelector: text(spec['namespaceSelector']),
    uses: Array.isArray(uses) ? uses.filter((use) => typeof use === 'string') : ['Workload', 'Tunnel'],
    assignmentMode: text(spec['assignmentMode']) || 'Automatic',
    disabled: spec['disabled'] === true,
    natOutgoing: spec['natOutgoing'] === true,
    disableBGPExport: spec['disableBGPExport'] === true,
    ipipMode: text(spec['ipipMode']) || 'Never',
    vxlanMode: text(spec['vxlanMode']) || 'Never',
    labels: printLabels(isFields(metadata['labels']) ? metadata['labels'] : undefined),
  }
}

/** The object with one field of the form changed; everything else of it stays. */
export function withPoolField<Name extends keyof PoolDraft>(
  pool: unknown,
  name: Name,
  value: PoolDraft[Name],
): unknown {
  const { object, metadata, spec } = partsOf(pool)
  if (name === 'name') return { ...object, metadata: { ...metadata, name: value } }
  if (name === 'labels') {
    const { labels: _, ...rest } = metadata
    const labels = readLabels(String(value))
    return { ...object, metadata: { ...rest, ...(Object.keys(labels).length > 0 && { labels }) } }
  }
  const field = name === 'uses' ? 'allowedUses' : name
  const { [field]: _, ...rest } = spec
  // An empty text means the default, which the server fills in.
  const isGiven = value !== ''
  const typed = name === 'blockSize' && /^\d+$/.test(String(value)) ? Number(value) : value
  return { ...object, spec: { ...rest, ...(isGiven && { [field]: typed }) } }
}

function partsOf(pool: unknown): { readonly object: Fields; readonly metadata: Fields; readonly spec: Fields } {
  const object = isFields(pool) ? pool : {}
  const metadata = isFields(object['metadata']) ? object['metadata'] : {}
  const spec = isFields(object['spec']) ? object['spec'] : {}
  return { object, metadata, spec }
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

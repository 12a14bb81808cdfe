import type { IpFamily } from '../net/index.ts'
import { isJsonArray, type Json, type JsonObject } from './json/index.ts'

/** The uses that a pool may allow, in alphabetical order. */
export const poolUses = ['LoadBalancer', 'Tunnel', 'Workload'] as const
export type PoolUse = (typeof poolUses)[number]

/** `Manual`: addresses come from the pool only when a request names it. */
const assignmentModes = ['Automatic', 'Manual'] as const
export type AssignmentMode = (typeof assignmentModes)[number]

const encapsulationModes = ['Always', 'CrossSubnet', 'Never'] as const

/** The longest selector, in characters. */
const selectorLengthMax = 1024

/** The declaration of a field. Members without a comment are keywords of JSON Schema. */
interface FieldOptions {
  readonly isRequired?: true
  /** The name of the type in the OpenAPI document. */
  readonly title?: string
  /** All values that the field may have. */
  readonly enum?: readonly string[]
  /** For a list: the type of its items, and their possible values. */
  readonly items?: { readonly title: string; readonly enum: readonly string[] }
  readonly maxLength?: number
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  /** The value that an absent field stands for. It is filled in and stored, as Calico does, unless Go would leave it out. */
  readonly default?: string | boolean | readonly string[]
  /** The default where it depends on the IP version. */
  readonly defaultByFamily?: Readonly<Record<IpFamily, number>>
  readonly description: string
  readonly examples?: readonly Json[]
}

/** One field of a pool's spec. */
export interface PoolField<Value = unknown> extends FieldOptions {
  readonly type: 'string' | 'boolean' | 'integer' | 'strings'
  /** The value; undefined when it is absent or of another type. */
  readonly read: (json: Json | undefined) => Value | undefined
}

/**
 * The fields of a pool's spec, in the order in which Calico writes them. Everything else that lists fields follows from here: how a
 * spec is read and stored, its defaults, the schema that requests are checked against, and the OpenAPI documents. Rules on values
 * are in resources/kinds/ippool-rules.ts.
 * @see docs/calico/formats.md section 3.2
 */
export const poolFields = {
  cidr: text({
    isRequired: true,
    maxLength: 48,
    description:
      'The range of the pool, as a CIDR without host bits. It must have room for at least one block, unless the pool is disabled, and must not overlap other pools or the link-local ranges 169.254.0.0/16 and fe80::/10. It cannot be changed.',
    examples: ['10.1.0.0/16'],
  }),
  vxlanMode: text({
    title: 'EncapsulationMode',
    enum: encapsulationModes,
    default: 'Never',
    description: 'When VXLAN is used. Not together with `ipipMode`.',
  }),
  ipipMode: text({
    title: 'EncapsulationMode',
    enum: encapsulationModes,
    default: 'Never',
    description: 'When IP in IP is used. IPv4 only, and not together with `vxlanMode`.',
  }),
  natOutgoing: flag({
    default: false,
    description: 'Whether packets to destinations outside of all pools are masqueraded.',
  }),
  disabled: flag({
    default: false,
    description: 'Whether the pool is disabled: no new addresses are assigned from it.',
  }),
  disableBGPExport: flag({
    default: false,
    description: 'Whether routes of the pool are kept out of BGP.',
  }),
  blockSize: whole({
    minimum: 0,
    maximum: 128,
    defaultByFamily: { 4: 26, 6: 122 },
    description:
      'The prefix length of the blocks that the pool is cut into: 20 to 32 for IPv4 (26 unless given), 116 to 128 for IPv6 (122 unless given). It cannot be changed.',
    examples: [26],
  }),
  nodeSelector: text({
    maxLength: selectorLengthMax,
    default: 'all()',
    description: "Which nodes get addresses from the pool, in Calico's selector language.",
    examples: ["zone == 'a'"],
  }),
  namespaceSelector: text({
    maxLength: selectorLengthMax,
    description: 'Which namespaces get addresses from the pool; all when absent. Not for pools with the use `Tunnel`.',
    examples: ["team == 'x'"],
  }),
  allowedUses: texts({
    items: { title: 'PoolUse', enum: poolUses },
    maxItems: 10,
    default: ['Workload', 'Tunnel'],
    description: 'The purposes that addresses may be assigned for. `LoadBalancer` cannot be combined with others.',
  }),
  assignmentMode: text({
    title: 'AssignmentMode',
    enum: assignmentModes,
    default: 'Automatic',
    description: '`Manual`: addresses are assigned only if a request names the pool or the address.',
  }),
} as const

/** The name of a known field. */
export type PoolFieldName = keyof typeof poolFields

type PoolValues = {
  readonly [Name in PoolFieldName]: NonNullable<ReturnType<(typeof poolFields)[Name]['read']>>
}

/** The fields of a spec as they are given. One that is absent, null or of the wrong JSON type is left out. */
export type PoolSpec = Readonly<Partial<PoolValues>>

/** True for the name of a known field. */
export function isPoolField(name: string): name is PoolFieldName {
  return Object.hasOwn(poolFields, name)
}

/** The names of the known fields, in the order in which Calico writes them. */
export const poolFieldNames: readonly PoolFieldName[] = Object.keys(poolFields).filter(isPoolField)

/** Reads the spec of a pool, field by field. */
export function readPoolSpec(spec: JsonObject): PoolSpec {
  return readFields<PoolValues>(poolFields, spec)
}

type Readers<Values> = { readonly [Name in keyof Values]: { read(json: Json | undefined): Values[Name] | undefined } }

function readFields<Values>(fields: Readers<Values>, object: JsonObject): Partial<Values> {
  const values: { -readonly [Name in keyof Values]?: Values[Name] } = {}
  for (const name in fields) {
    const value = fields[name].read(object[name])
    if (value !== undefined) values[name] = value
  }
  return values
}

function text<const Options extends FieldOptions>(options: Options): Options & PoolField<string> {
  return { ...options, type: 'string', read: (json) => (typeof json === 'string' ? json : undefined) }
}

function flag<const Options extends FieldOptions>(options: Options): Options & PoolField<boolean> {
  return { ...options, type: 'boolean', read: (json) => (typeof json === 'boolean' ? json : undefined) }
}

function whole<const Options extends FieldOptions>(options: Options): Options & PoolField<number> {
  return { ...options, type: 'integer', read: (json) => (typeof json === 'number' ? json : undefined) }
}

/** A list of strings, which is a set. */
function texts<const Options extends FieldOptions>(options: Options): Options & PoolField<readonly string[]> {
  return { ...options, type: 'strings', read: readTexts }
}

function readTexts(json: Json | undefined): readonly string[] | undefined {
  if (!isJsonArray(json)) return undefined
  const items = json.filter((item) => typeof item === 'string')
  return items.length === json.length ? items : undefined
}

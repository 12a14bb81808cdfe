import {
  blockSizeMin,
  type Pool,
  type PoolField,
  poolFieldNames,
  poolFields,
  type PoolSpec,
  poolUses,
  readPoolSpec,
} from '../../model/index.ts'
import {
  bits,
  type Cidr,
  type IpFamily,
  formatCidr,
  mustParseCidr,
  overlaps,
  parseCidr,
  parseInterface,
  isSameCidr,
} from '../../net/index.ts'
import type { Cause } from '../../plan/index.ts'
import { parseSelector } from '../../selector/index.ts'
import type { Candidate } from '../kind.ts'
import { duplicate, forbidden, invalid, notSupported, required } from '../object/index.ts'
/**
 * Checks the spec of a pool, by itself and against the stored one. Returns every problem. The letters and numbers above the rules are
 * those of Calico's rules in docs/calico/formats.md section 3.7. Where Calico reports the spec as a whole, the field to change is
 * reported here.
 */
export function validatePool(candidate: Candidate<Pool>): readonly Cause[] {
  const spec = readPoolSpec(candidate.spec)
  const { cidr: text = '' } = spec
  const subject: Subject = { spec, text, cidr: parseCidr(text), old: candidate.old }
  return rules
    .filter(({ fields }) => candidate.isSound(...fields.map((field) => `spec.${field}`)))
    .flatMap(({ check }) => check(subject) ?? [])
}

/** The input of a rule. */
interface Subject {
  readonly spec: PoolSpec
  /** The CIDR as it is given; empty if it is absent. */
  readonly text: string
  /** The CIDR; undefined if it cannot be parsed. */
  readonly cidr: Cidr | undefined
  readonly old: Pool | undefined
}

/** A rule and the fields that it reads. It is skipped if one of them has the wrong JSON type. */
interface Rule {
  readonly fields: readonly (keyof PoolSpec)[]
  readonly check: (subject: Subject) => Cause | readonly Cause[] | undefined
}

const linkLocal: readonly Cidr[] = [mustParseCidr('169.254.0.0/16'), mustParseCidr('fe80::/10')]

const rules: readonly Rule[] = [
  // A1, A2, A7, B3, B6.
  {
    fields: ['cidr'],
    check({ text }) {
      if (text === '') return required('spec.cidr', 'the range of the pool, such as 10.1.0.0/16')
      if (lengthOf(text) > poolFields.cidr.maxLength)
        return invalid('spec.cidr', text, `must be at most ${poolFields.cidr.maxLength} characters long`)
      const given = parseInterface(text)
      if (given === undefined) return invalid('spec.cidr', text, 'must be a CIDR such as 10.1.0.0/16 or fd00:1::/64')
      const hasHostBits = given.address.value !== given.cidr.base
      return hasHostBits
        ? invalid('spec.cidr', text, `must have no host bits; the range is ${formatCidr(given.cidr)}`)
        : undefined
    },
  },
  // A3. Another spelling of the same range is not a change.
  {
    fields: ['cidr'],
    check({ text, cidr, old }) {
      if (cidr === undefined || old === undefined || isSameCidr(cidr, old.cidr)) return undefined
      return invalid('spec.cidr', text, `field is immutable; it is ${formatCidr(old.cidr)}`)
    },
  },
  // B16.
  {
    fields: ['cidr'],
    check({ text, cidr }) {
      const range = cidr && linkLocal.find((local) => overlaps(local, cidr))
      return range && invalid('spec.cidr', text, `must not overlap the link-local range ${formatCidr(range)}`)
    },
  },
  // B6, B17. Without a valid CIDR, the size must be right for one of the families.
  {
    fields: ['blockSize'],
    check({ spec: { blockSize }, cidr }) {
      const families: readonly IpFamily[] = cidr === undefined ? [4, 6] : [cidr.family]
      if (blockSize === undefined || families.some((family) => isBlockSize(family, blockSize))) return undefined
      const ranges = families.map(
        (family) => `${String(blockSizeMin(family))} to ${String(bits(family))} for IPv${String(family)}`,
      )
      return invalid('spec.blockSize', blockSize, `must be ${ranges.join(', or ')}`)
    },
  },
  // A5.
  {
    fields: ['blockSize'],
    check({ spec: { blockSize }, old }) {
      if (blockSize === undefined || old === undefined || blockSize === old.blockSize) return undefined
      const isUsable = old.invalidFields.every(({ field }) => field !== 'blockSize')
      const state = isUsable
        ? `it is ${String(old.blockSize)}`
        : 'the stored one cannot be used, so create the pool anew'
      return invalid('spec.blockSize', blockSize, `field is immutable; ${state}`)
    },
  },
  // B18.
  {
    fields: ['cidr', 'blockSize', 'disabled'],
    check({ spec: { blockSize, disabled }, text, cidr }) {
      if (cidr === undefined || blockSize === undefined || !isBlockSize(cidr.family, blockSize)) return undefined
      if (disabled === true || cidr.prefixLength <= blockSize) return undefined
      return invalid('spec.cidr', text, `must hold at least one block of spec.blockSize ${String(blockSize)}`)
    },
  },
  // A deletion cannot be undone.
  {
    fields: ['disabled'],
    check({ spec, old }) {
      const isRevived = old?.isTerminating === true && spec.disabled !== true
      return isRevived
        ? forbidden('spec.disabled', 'the pool is being deleted and must stay disabled: true')
        : undefined
    },
  },
  // B5.
  ...optionRules(),
  // B7.
  {
    fields: ['vxlanMode', 'ipipMode'],
    check({ spec }) {
      const areBoth = isUsed(spec.vxlanMode) && isUsed(spec.ipipMode)
      return areBoth
        ? forbidden('spec.vxlanMode', 'spec.ipipMode and spec.vxlanMode cannot both be used; set one to "Never"')
        : undefined
    },
  },
  // B10.
  {
    fields: ['cidr', 'ipipMode'],
    check: ({ spec, cidr }) =>
      cidr?.family === 6 && isUsed(spec.ipipMode)
        ? forbidden('spec.ipipMode', 'IP in IP is for IPv4 only; set it to "Never"')
        : undefined,
  },
  // B2, B6. The list is a set, so it has no duplicates.
  {
    fields: ['allowedUses'],
    check({ spec: { allowedUses = [] } }) {
      const { maxItems } = poolFields.allowedUses
      if (allowedUses.length > maxItems) {
        return invalid('spec.allowedUses', allowedUses, `must have at most ${maxItems} items`)
      }
      return allowedUses.flatMap((use, index) => {
        const field = `spec.allowedUses[${String(index)}]`
        if (!poolUses.some((known) => known === use)) return [notSupported(field, use, poolUses)]
        return allowedUses.indexOf(use) < index ? [duplicate(field, use)] : []
      })
    },
  },
  // B9.
  {
    fields: ['allowedUses'],
    check: ({ spec }) =>
      isForLoadBalancers(spec) && spec.allowedUses?.some((use) => use === 'Workload' || use === 'Tunnel')
        ? forbidden('spec.allowedUses', 'LoadBalancer cannot be combined with Workload or Tunnel')
        : undefined,
  },
  // A4.
  {
    fields: ['allowedUses'],
    check: ({ spec, old }) =>
      old?.allowedUses.includes('LoadBalancer') && !isForLoadBalancers(spec)
        ? forbidden('spec.allowedUses', 'a pool for LoadBalancer cannot change its use; give ["LoadBalancer"]')
        : undefined,
  },
  // B8.
  {
    fields: ['allowedUses', 'ipipMode'],
    check: ({ spec }) =>
      isForLoadBalancers(spec) && isUsed(spec.ipipMode)
        ? forbidden('spec.ipipMode', 'a pool for LoadBalancer has no encapsulation; set it to "Never"')
        : undefined,
  },
  {
    fields: ['allowedUses', 'vxlanMode'],
    check: ({ spec }) =>
      isForLoadBalancers(spec) && isUsed(spec.vxlanMode)
        ? forbidden('spec.vxlanMode', 'a pool for LoadBalancer has no encapsulation; set it to "Never"')
        : undefined,
  },
  // B11.
  {
    fields: ['allowedUses', 'disableBGPExport'],
    check: ({ spec }) =>
      isForLoadBalancers(spec) && spec.disableBGPExport === true
        ? forbidden('spec.disableBGPExport', 'must be false for a pool for LoadBalancer')
        : undefined,
  },
  // B12.
  {
    fields: ['allowedUses', 'nodeSelector'],
    check: ({ spec, spec: { nodeSelector = '' } }) =>
      isForLoadBalancers(spec) && nodeSelector !== 'all()'
        ? invalid('spec.nodeSelector', nodeSelector, 'must be all() for a pool for LoadBalancer')
        : undefined,
  },
  // B1, B6, B14, B15.
  { fields: ['nodeSelector'], check: ({ spec }) => checkSelector('nodeSelector', spec.nodeSelector) },
  {
    fields: ['namespaceSelector'],
    check: ({ spec }) => checkSelector('namespaceSelector', spec.namespaceSelector),
  },
  // B13.
  {
    fields: ['allowedUses', 'namespaceSelector'],
    check: ({ spec }) =>
      spec.namespaceSelector && spec.allowedUses?.includes('Tunnel')
        ? forbidden(
            'spec.namespaceSelector',
            'tunnels do not belong to a namespace; leave it out, or give spec.allowedUses without Tunnel',
          )
        : undefined,
  },
]

/** True if a pool of this family can have blocks of this size. */
function isBlockSize(family: IpFamily, size: number): boolean {
  return size >= blockSizeMin(family) && size <= bits(family)
}

/** True if the encapsulation is in use. Another rule reports a mode that does not exist. */
function isUsed(mode: string | undefined): boolean {
  return mode === 'Always' || mode === 'CrossSubnet'
}

function isForLoadBalancers(spec: PoolSpec): boolean {
  return spec.allowedUses?.includes('LoadBalancer') === true
}

/** One rule for each text field that has an `enum`. */
function optionRules(): readonly Rule[] {
  return poolFieldNames.flatMap((name) => {
    const { type, enum: options }: PoolField = poolFields[name]
    return type === 'string' && options !== undefined ? [optionRule(name, options)] : []
  })
}

function optionRule(name: keyof PoolSpec, options: readonly string[]): Rule {
  return {
    fields: [name],
    check({ spec }) {
      const value = spec[name]
      if (typeof value !== 'string' || options.includes(value)) return undefined
      return notSupported(`spec.${name}`, value, options)
    },
  }
}

function checkSelector(name: 'nodeSelector' | 'namespaceSelector', text: string | undefined): Cause | undefined {
  const field = `spec.${name}`
  const { maxLength } = poolFields[name]
  if (text === undefined) return undefined
  if (lengthOf(text) > maxLength) return invalid(field, text, `must be at most ${maxLength} characters long`)
  if (text.includes('global(')) return invalid(field, text, 'must not contain global(')
  const parsed = parseSelector(text)
  return parsed.ok ? undefined : invalid(field, text, `must be a selector such as zone == 'a': ${parsed.error.message}`)
}

/** The most units of a text whose characters are counted: twice as many as any field may have. */
const lengthCountedMax = 2_048

/** The length in characters, as JSON Schema's `maxLength` counts it. */
function lengthOf(text: string): number {
  // A character has two units at the most. A text that is far too long need not be taken apart.
  return text.length > lengthCountedMax ? text.length : Array.from(text).length
}

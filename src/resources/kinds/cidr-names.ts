import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'
import type { LabelsOf } from '../kind.ts'

/** The part of an object's name that stands for a CIDR, as Calico spells it on Kubernetes: `10-1-0-0-26` for 10.1.0.0/26. */
export function dashedCidr(cidr: Cidr): string {
  return formatCidr(cidr).replace(/[.:/]/g, '-')
}

/** Parses what {@link dashedCidr} prints; undefined for any other spelling. */
export function parseDashedCidr(text: string): Cidr | undefined {
  const [, address = '', length = ''] = /^(.*)-([0-9]+)$/.exec(text) ?? []
  const cidr =
    parseCidr(`${address.replaceAll('-', '.')}/${length}`) ?? parseCidr(`${address.replaceAll('-', ':')}/${length}`)
  return cidr !== undefined && dashedCidr(cidr) === text ? cidr : undefined
}

/** The labels of the pool that a block, as it is printed, lies in. */
export function labelsOfBlock(block: unknown, labelsOf: LabelsOf): ReturnType<LabelsOf> {
  const cidr = typeof block === 'string' ? parseCidr(block) : undefined
  return cidr && labelsOf(cidr)
}

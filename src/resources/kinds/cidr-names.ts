import { type Cidr, formatCidr, parseCidr } from '../../net/index.ts'

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

import { type Cidr, formatCidr, parseInterface } from '../../net/index.ts'

/** The last part of a block's or an affinity's key: `ipv4/block/10.10.0.8-29`. @see docs/calico/formats.md section 1.2 */
export function formatBlockPath(cidr: Cidr): string {
  return `ipv${cidr.family}/block/${formatCidr(cidr).replace('/', '-')}`
}

/** Reads {@link formatBlockPath}; undefined for any other spelling of the same block, which no writer produces. */
export function parseBlockPath(path: string): Cidr | undefined {
  const text = path.slice(path.lastIndexOf('/') + 1).replace('-', '/')
  const cidr = parseInterface(text)?.cidr
  return cidr !== undefined && formatBlockPath(cidr) === path ? cidr : undefined
}

import { type Attribute, type Now, parseTime } from '../model/index.ts'

/** The purpose for which Calico itself assigned an address. */
export type CalicoPurpose =
  | { readonly kind: 'tunnel'; readonly node: string }
  | {
      readonly kind: 'workload'
      readonly node: string
      readonly namespace: string
      readonly pod: string
      readonly assignedAt: Now
    }

/** The prefix of the handle of a tunnel's address, by the `type` that Calico gives the address. The rest of the handle is the node. */
const tunnelHandles: ReadonlyMap<string, string> = new Map([
  ['ipipTunnelAddress', 'ipip-tunnel-addr-'],
  ['vxlanTunnelAddress', 'vxlan-tunnel-addr-'],
  ['vxlanV6TunnelAddress', 'vxlan-v6-tunnel-addr-'],
  ['wireguardTunnelAddress', 'wireguard-tunnel-addr-'],
  ['wireguardV6TunnelAddress', 'wireguard-v6-tunnel-addr-'],
])

/** True if Calico assigns the address of a tunnel of this node under `handle`. */
export function isTunnelHandle(handle: string, node: string): boolean {
  return [...tunnelHandles.values()].some((prefix) => handle === `${prefix}${node}`)
}

/** Attributes of a virtual machine. It keeps its address while it is switched off, and has no endpoint then. */
const machineAttributes = ['vmi-name', 'vmi-uid', 'vm-uid', 'vmim-uid']

/**
 * The purpose for which Calico assigned an address; undefined for any other assignment. A client over HTTP may choose any handle and any
 * attributes and has no endpoint to show, so an address counts only if it has every mark of Calico's own plugin: the four attributes, the
 * time in Go's spelling, and a handle that ends with the id of a container.
 * @see docs/calico/formats.md sections 2.2 and 2.5, docs/calico/ipam.md section 4
 */
export function calicoPurposeOf({ handle = '', active, releasedAt }: Attribute): CalicoPurpose | undefined {
  const { node, namespace, pod, timestamp, type } = { ...active } as Partial<Readonly<Record<string, string>>>
  if (releasedAt !== undefined || active === undefined || node === undefined) return undefined
  const tunnelHandle = type === undefined ? undefined : tunnelHandles.get(type)
  if (tunnelHandle !== undefined) return handle === `${tunnelHandle}${node}` ? { kind: 'tunnel', node } : undefined
  const assignedAt = timestamp === undefined ? undefined : parseGoTime(timestamp)
  if (namespace === undefined || pod === undefined || assignedAt === undefined) return undefined
  if (!containerHandle.test(handle) || machineAttributes.some((name) => Object.hasOwn(active, name))) return undefined
  return { kind: 'workload', node, namespace, pod, assignedAt }
}

/** `<network>.<container>`, with the id that the container runtimes of Kubernetes make. */
const containerHandle = /^.+\.[0-9a-f]{64}$/

const goTime = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?) \+0000 UTC(?: m=.*)?$/

/** A time as Go prints it in UTC; the reading of a monotonic clock may follow. */
function parseGoTime(text: string): Now | undefined {
  const [, date, time] = goTime.exec(text) ?? []
  return date === undefined || time === undefined ? undefined : parseTime(`${date}T${time}Z`)
}

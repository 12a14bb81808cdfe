/** A rule in CEL, which the API server evaluates on the spec of a pool. */
interface Rule {
  readonly rule: string
  readonly message: string
}

/** The block's size where the pool has none, or 0: Calico's default. */
const blockSize = "(has(self.blockSize) && self.blockSize != 0 ? self.blockSize : (self.cidr.contains(':') ? 122 : 26))"
const isValid = 'isCIDR(self.cidr)'
const has = (use: string): string => `(has(self.allowedUses) && '${use}' in self.allowedUses)`
const tunnels = (mode: string): string => `(has(self.${mode}) && self.${mode} != 'Never')`
const isIpv6 = "self.cidr.contains(':')"

/**
 * The rules of Calico's newest definitions of a pool, in the words of docs/calico/formats.md section 3.7 and with its numbers. Nothing here
 * compares pools: overlapping ones are accepted.
 */
export const poolRules: readonly Rule[] = [
  { rule: 'self.cidr == oldSelf.cidr', message: 'A3: the CIDR of a pool cannot be changed' },
  {
    rule: '!has(oldSelf.blockSize) || (has(self.blockSize) && self.blockSize == oldSelf.blockSize)',
    message: 'A5: the block size of a pool cannot be changed',
  },
  { rule: `!${isValid} || cidr(self.cidr) == cidr(self.cidr).masked()`, message: 'A7: the CIDR has host bits' },
  { rule: `!${tunnels('ipipMode')} || !${tunnels('vxlanMode')}`, message: 'B7: a pool has IPIP or VXLAN, not both' },
  {
    rule: `!${has('LoadBalancer')} || (!${tunnels('ipipMode')} && !${tunnels('vxlanMode')})`,
    message: 'B8: a pool for load balancers has neither IPIP nor VXLAN',
  },
  {
    rule: `!${has('LoadBalancer')} || (!${has('Workload')} && !${has('Tunnel')})`,
    message: 'B9: a pool for load balancers has no other use',
  },
  { rule: `!(${isIpv6}) || !${tunnels('ipipMode')}`, message: 'B10: IPIP is for IPv4' },
  {
    rule: `!${has('LoadBalancer')} || !has(self.disableBGPExport) || !self.disableBGPExport`,
    message: 'B11: the addresses of load balancers are exported',
  },
  {
    rule: `!${has('LoadBalancer')} || !has(self.nodeSelector) || self.nodeSelector == 'all()'`,
    message: 'B12: a pool for load balancers is for all nodes',
  },
  {
    rule: `!${has('Tunnel')} || !has(self.namespaceSelector) || self.namespaceSelector == ''`,
    message: 'B13: a pool for tunnels has no selector of namespaces',
  },
  {
    rule: "!has(self.nodeSelector) || !self.nodeSelector.contains('global(')",
    message: 'B14: global() selects no node',
  },
  {
    rule: "!has(self.namespaceSelector) || !self.namespaceSelector.contains('global(')",
    message: 'B15: global() selects no namespace',
  },
  {
    rule: `!${isValid} || !(${["cidr('169.254.0.0/16')", "cidr('fe80::/10')"]
      .map((local) => `(${local}.containsCIDR(self.cidr) || cidr(self.cidr).containsCIDR(${local}))`)
      .join(' || ')})`,
    message: 'B16: link-local addresses are not assigned',
  },
  {
    rule: `${isIpv6} ? (${blockSize} >= 116 && ${blockSize} <= 128) : (${blockSize} >= 20 && ${blockSize} <= 32)`,
    message: 'B17: the block size is 20 to 32, and 116 to 128 for IPv6',
  },
  {
    rule: `!${isValid} || (has(self.disabled) && self.disabled) || cidr(self.cidr).prefixLength() <= ${blockSize}`,
    message: 'B18: the pool is smaller than a block',
  },
]

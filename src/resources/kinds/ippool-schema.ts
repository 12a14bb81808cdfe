import { Type } from '@sinclair/typebox'
import { poolUses } from '../../model/index.ts'
import { mapByKeys, setOfItems, Condition } from '../object/index.ts'

/** The modes of an encapsulation. */
export const encapsulationModes: readonly string[] = ['Always', 'CrossSubnet', 'Never']

/** The ways in which addresses are taken from a pool. */
export const assignmentModes: readonly string[] = ['Automatic', 'Manual']

/** The longest text of a CIDR, and of a selector, in characters. */
export const cidrLengthMax = 48
export const selectorLengthMax = 1024

/** The most uses that can be listed. */
export const allowedUsesMax = 10

/**
 * What an IP pool is, as clients write it.
 * @see docs/calico/formats.md section 3.2
 */
export const IPPoolSpec = Type.Object(
  {
    cidr: Type.String({
      maxLength: cidrLengthMax,
      description:
        'The range of the pool, as a CIDR without host bits. It must hold one block at least (unless the pool is disabled), and must not overlap other pools or the link-local ranges 169.254.0.0/16 and fe80::/10. It cannot be changed.',
      examples: ['10.1.0.0/16'],
    }),
    vxlanMode: Type.Optional(
      Type.String({
        title: 'EncapsulationMode',
        enum: encapsulationModes,
        default: 'Never',
        description: 'When VXLAN is used. Not together with `ipipMode`.',
      }),
    ),
    ipipMode: Type.Optional(
      Type.String({
        title: 'EncapsulationMode',
        enum: encapsulationModes,
        default: 'Never',
        description: 'When IP in IP is used. IPv4 only, and not together with `vxlanMode`.',
      }),
    ),
    natOutgoing: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether packets that leave all pools are masqueraded.' }),
    ),
    disabled: Type.Optional(Type.Boolean({ default: false, description: 'Whether the pool gives no new addresses.' })),
    disableBGPExport: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether routes of the pool are kept out of BGP.' }),
    ),
    blockSize: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 128,
        description:
          'The prefix length of the blocks that the pool is cut into: 20 to 32 for IPv4 (26 unless given), 116 to 128 for IPv6 (122 unless given). It cannot be changed.',
        examples: [26],
      }),
    ),
    nodeSelector: Type.Optional(
      Type.String({
        maxLength: selectorLengthMax,
        default: 'all()',
        description: "Which nodes get addresses from the pool, in Calico's selector language.",
        examples: ["zone == 'a'"],
      }),
    ),
    namespaceSelector: Type.Optional(
      Type.String({
        maxLength: selectorLengthMax,
        description:
          'Which namespaces get addresses from the pool; all when absent. Not for pools with the use Tunnel.',
        examples: ["team == 'x'"],
      }),
    ),
    allowedUses: Type.Optional(
      Type.Array(Type.String({ title: 'PoolUse', enum: [...poolUses] }), {
        ...setOfItems,
        maxItems: allowedUsesMax,
        uniqueItems: true,
        default: ['Workload', 'Tunnel'],
        description: 'What addresses may be taken for. LoadBalancer stands alone.',
      }),
    ),
    assignmentMode: Type.Optional(
      Type.String({
        title: 'AssignmentMode',
        enum: assignmentModes,
        default: 'Automatic',
        description: 'Manual: addresses are taken only when the pool, or the address, is asked for.',
      }),
    ),
  },
  { $id: 'IPPoolSpec', additionalProperties: false, description: 'What an IP pool is.' },
)

/** What has become of an IP pool. */
export const IPPoolStatus = Type.Object(
  {
    conditions: Type.Optional(
      Type.Array(Condition, {
        ...mapByKeys('type'),
        description:
          '`Allocatable` says whether the pool gives addresses: `False` with the reason `Terminating` while it is being deleted.',
      }),
    ),
  },
  {
    $id: 'IPPoolStatus',
    additionalProperties: true,
    description: 'What has become of an IP pool. Written by the server.',
  },
)

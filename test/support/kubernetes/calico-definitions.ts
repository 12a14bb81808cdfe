import type { Manifest } from './apply.ts'
import { poolRules } from './calico-pool-rules.ts'

/**
 * The resources that Calico keeps in a Kubernetes API server, described by ourselves as far as ippoold and its tests need them: the fields,
 * what is required, what is checked, what is pruned. Descriptions, and kinds that have nothing to do with addresses, are left out.
 */

/** `crd.projectcalico.org` (version v1) is how every Calico stored its objects so far; `projectcalico.org` (v3) is the newest way. */
export type CalicoGroup = 'crd.projectcalico.org' | 'projectcalico.org'

/** Both groups. */
export const calicoGroups: readonly CalicoGroup[] = ['crd.projectcalico.org', 'projectcalico.org']

/** The version that a group has. */
export function versionOf(group: CalicoGroup): 'v1' | 'v3' {
  return group === 'projectcalico.org' ? 'v3' : 'v1'
}

/** Where the collections of a group are. */
export function calicoPath(group: CalicoGroup, plural: string, name?: string): string {
  return `/apis/${group}/${versionOf(group)}/${plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}

/** Which fields are there. An older Calico's definitions lack those that came later, so that the API server prunes them. */
export type CalicoAge = 'newest' | 'older'

/** A CustomResourceDefinition. */
export interface Definition extends Manifest {
  readonly kind: 'CustomResourceDefinition'
  readonly spec: object
}

type Schema = Readonly<Record<string, unknown>>

/** A kind: its names, its spec, and what else its version has. */
interface Kind {
  readonly kind: string
  readonly plural: string
  readonly shortNames?: readonly string[]
  readonly spec: Schema
  readonly status?: Schema
  /** Columns of kubectl by name. */
  readonly columns?: Readonly<Record<string, string>>
}

/** The definitions of a group. */
export function calicoDefinitions(group: CalicoGroup, age: CalicoAge = 'newest'): readonly Definition[] {
  const kinds = [poolKind, reservationKind, configurationKind, blockKind, affinityKind, handleKind, informationKind]
  return kinds.map((describe) => definition(group, describe(group, age)))
}

function definition(group: CalicoGroup, { kind, plural, shortNames, spec, status, columns }: Kind): Definition {
  const isV3 = group === 'projectcalico.org'
  const printed = Object.entries(columns ?? {}).map(([name, jsonPath]) => ({ name, jsonPath, type: 'string' }))
  const properties = {
    apiVersion: text(),
    kind: text(),
    metadata: { type: 'object' },
    spec,
    ...(status !== undefined && { status }),
  }
  const version = {
    name: versionOf(group),
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', properties, ...(isV3 && { required: ['metadata', 'spec'] }) } },
    ...(status !== undefined && { subresources: { status: {} } }),
    ...(isV3 && printed.length > 0 && { additionalPrinterColumns: printed }),
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(isV3 && shortNames !== undefined && { shortNames }),
      },
      preserveUnknownFields: false,
      scope: 'Cluster',
      versions: [version],
    },
  }
}

function poolKind(_: CalicoGroup, age: CalicoAge): Kind {
  const isNewest = age === 'newest'
  const tunnel = oneOf('Never', 'Always', 'CrossSubnet')
  const fields = {
    allowedUses: {
      ...list(oneOf('Workload', 'Tunnel', 'LoadBalancer')),
      maxItems: 10,
      'x-kubernetes-list-type': 'set',
    },
    blockSize: whole({ minimum: 0, maximum: 128 }),
    cidr: isNewest ? text({ format: 'cidr', maxLength: 48 }) : text(),
    disableBGPExport: flag(),
    disabled: flag(),
    ipipMode: tunnel,
    natOutgoing: flag(),
    nodeSelector: isNewest ? text({ maxLength: 1_024, default: 'all()' }) : text(),
    vxlanMode: tunnel,
  }
  const newer = {
    assignmentMode: { ...oneOf('Automatic', 'Manual'), default: 'Automatic' },
    namespaceSelector: text({ maxLength: 1_024 }),
  }
  const condition = struct(
    {
      type: text(),
      status: oneOf('True', 'False', 'Unknown'),
      reason: text(),
      message: text(),
      lastTransitionTime: text({ format: 'date-time' }),
      observedGeneration: whole({ format: 'int64' }),
    },
    ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  )
  const conditions = { ...list(condition), 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] }
  return {
    kind: 'IPPool',
    plural: 'ippools',
    spec: {
      ...struct({ ...fields, ...(isNewest && newer) }, ['cidr']),
      ...(isNewest && { 'x-kubernetes-validations': poolRules }),
    },
    ...(isNewest && { status: struct({ conditions }) }),
    columns: { CIDR: '.spec.cidr', VXLAN: '.spec.vxlanMode', IPIP: '.spec.ipipMode', NAT: '.spec.natOutgoing' },
  }
}

function reservationKind(_: CalicoGroup, age: CalicoAge): Kind {
  const entry = age === 'newest' ? text({ format: 'cidr' }) : text()
  return {
    kind: 'IPReservation',
    plural: 'ipreservations',
    spec: struct({ reservedCIDRs: { ...list(entry), ...(age === 'newest' && { 'x-kubernetes-list-type': 'set' }) } }),
  }
}

function configurationKind(group: CalicoGroup, age: CalicoAge): Kind {
  const isV3 = group === 'projectcalico.org'
  const fields = {
    autoAllocateBlocks: flag(isV3 ? true : undefined),
    strictAffinity: flag(isV3 ? false : undefined),
    maxBlocksPerHost: isV3
      ? whole({ format: 'int32', minimum: 0, maximum: 1_000_000, default: 0 })
      : whole({ minimum: 0, maximum: 2_147_483_647 }),
  }
  const newer = {
    kubeVirtVMAddressPersistence: oneOf('Enabled', 'Disabled'),
    ipCooldownSeconds: whole({ format: 'int32', minimum: 0, maximum: 1_200 }),
  }
  return {
    kind: isV3 ? 'IPAMConfiguration' : 'IPAMConfig',
    plural: isV3 ? 'ipamconfigurations' : 'ipamconfigs',
    shortNames: ['ipamconfig', 'ipamconfigs'],
    spec: struct({ ...fields, ...(age === 'newest' && newer) }, ['autoAllocateBlocks', 'strictAffinity']),
  }
}

function blockKind(group: CalicoGroup, age: CalicoAge): Kind {
  const isNewest = age === 'newest'
  const texts = { type: 'object', additionalProperties: text() }
  const number = whole({ format: 'int64' })
  const attribute = struct({
    handle_id: text(),
    secondary: texts,
    ...(isNewest && { alternateOwnerAttrs: texts, releasedAt: text({ format: 'date-time' }) }),
  })
  const fields = {
    affinity: group === 'projectcalico.org' ? text({ pattern: '^(host|virtual):[a-zA-Z0-9\\.\\-_]+$' }) : text(),
    allocations: list(whole({ nullable: true })),
    attributes: list(attribute),
    cidr: text(),
    deleted: flag(),
    sequenceNumber: number,
    sequenceNumberForAllocation: { type: 'object', additionalProperties: number },
    strictAffinity: flag(),
    unallocated: list(whole()),
    ...(isNewest && { affinityClaimTime: text({ format: 'date-time' }) }),
  }
  return {
    kind: 'IPAMBlock',
    plural: 'ipamblocks',
    spec: struct(fields, ['allocations', 'attributes', 'cidr', 'strictAffinity', 'unallocated']),
  }
}

function affinityKind(group: CalicoGroup): Kind {
  const isV3 = group === 'projectcalico.org'
  const fields = {
    cidr: isV3 ? text({ format: 'cidr' }) : text(),
    // The first versions had a text, so v1 has kept it.
    deleted: isV3 ? flag(false) : text(),
    node: text(),
    state: isV3 ? oneOf('', 'confirmed', 'pending', 'pendingDeletion') : text(),
    type: text(),
  }
  return {
    kind: 'BlockAffinity',
    plural: 'blockaffinities',
    shortNames: ['affinity', 'affinities'],
    spec: struct(fields, ['cidr', 'deleted', 'node', 'state']),
    columns: { CIDR: '.spec.cidr', Node: '.spec.node', Type: '.spec.type' },
  }
}

function handleKind(): Kind {
  const fields = {
    block: { type: 'object', additionalProperties: whole() },
    deleted: flag(),
    handleID: text(),
  }
  return { kind: 'IPAMHandle', plural: 'ipamhandles', spec: struct(fields, ['block', 'handleID']) }
}

function informationKind(): Kind {
  const fields = {
    calicoVersion: text(),
    clusterGUID: text(),
    clusterType: text(),
    datastoreReady: flag(),
    variant: text(),
  }
  return { kind: 'ClusterInformation', plural: 'clusterinformations', spec: struct(fields) }
}

function text(more: Schema = {}): Schema {
  return { type: 'string', ...more }
}

function whole(more: Schema = {}): Schema {
  return { type: 'integer', ...more }
}

function flag(byDefault?: boolean): Schema {
  return { type: 'boolean', ...(byDefault !== undefined && { default: byDefault }) }
}

function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values }
}

function list(items: Schema): Schema {
  return { type: 'array', items }
}

function struct(properties: Schema, required: readonly string[] = []): Schema {
  return { type: 'object', properties, ...(required.length > 0 && { required }) }
}

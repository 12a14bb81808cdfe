import type { Revision } from '../../plan/index.ts'

/**
 * When a finding is repaired. `Default`: whenever a repair is requested. `OnRequest`: only if the request names its code, because the
 * repair takes something away that only the rule of the code calls unused. `None`: never; an operator has to decide.
 */
export type RepairPolicy = 'Default' | 'OnRequest' | 'None'

interface CodeEntry {
  readonly repair: RepairPolicy
  /**
   * True if Calico's clients cause the same state for a moment, between two of their writes: it is repaired only if the key has not
   * been written since it was found.
   */
  readonly isMomentary: boolean
  /** When the code is reported, and what its repair does; part of the OpenAPI document. */
  readonly when: string
}

/** The closed set of codes that a check can report, in the order of the OpenAPI document. */
export const checkCodes = {
  Unreadable: none('A stored value cannot be read, or its parts contradict each other. It is never overwritten.'),
  ConfigContradictory: none('The IPAM configuration combines settings that Calico would refuse.'),
  PoolsOverlap: none('Two pools share addresses.'),
  PoolFieldInvalid: none(
    'A field of a pool has a value of the wrong type, or a block size that the pool cannot have, so the pool assigns no addresses.',
  ),
  SelectorInvalid: none('A selector of a pool cannot be read, so requests that need it fail.'),
  ReservationEntryInvalid: none(
    'A reservation has an entry that is neither a CIDR nor an address, so the entry reserves nothing.',
  ),
  BlockOutsidePools: byDefault('A block lies in no pool. Repair: delete the block if it is empty.'),
  BlockSizeWrong: byDefault('A block has another size than its pool defines. Repair: delete the block if it is empty.'),
  BlockOfNobody: byDefault(
    'A block is empty and belongs to nobody, so no node can claim its addresses. Repair: delete the block.',
  ),
  BlocksOverlap: none('Two blocks share addresses.'),
  AddressInTwoBlocks: none('The same address is assigned in two blocks that overlap.'),
  QueueIncomplete: byDefault(
    'Free addresses are missing from the queue of their block. Repair: add them at the end of the queue.',
  ),
  AttributeUnused: byDefault('A block has attributes that no address uses. Repair: remove them.'),
  ReleasedInFuture: byDefault('An address has a release time in the future. Repair: let it cool down from now on.'),
  SequenceNumberAhead: byDefault(
    'An address has a higher sequence number than its block. Repair: raise the sequence number of the block.',
  ),
  BlockOwnerInvalid: byDefault('The affinity of a block names no owner. Repair: remove it.'),
  AffinityMissing: byDefault('A block names an owner that has no affinity to it. Repair: write the affinity.'),
  AffinityWithoutBlock: momentary('An affinity names a block that does not exist. Repair: delete the affinity.'),
  AffinityOfOther: momentary('An affinity names a block of another owner. Repair: delete the affinity.'),
  AffinityUnfinished: momentary(
    'The affinity of an owner to its block is pending or pending deletion. Repair: confirm the affinity.',
  ),
  HandleMissing: byDefault('A handle has addresses in a block and does not exist. Repair: write the handle.'),
  HandleCountTooLow: byDefault('A handle counts fewer addresses in a block than it holds. Repair: correct the count.'),
  HandleCountTooHigh: momentary('A handle counts more addresses in a block than it holds. Repair: correct the count.'),
  HandleWithoutAddresses: momentary('A handle holds no address. Repair: remove its counts.'),
  HandleBlockMissing: momentary('A handle counts addresses in a block that does not exist. Repair: remove the count.'),
  HandleNameInvalid: none('Addresses are assigned to a handle whose name cannot be part of a key.'),
  OwnerUnknown: onRequest('Addresses are assigned, and their holder is not stored. Repair: release them.'),
  AddressUsedTwice: none('Two or more workload endpoints or tunnels of nodes use the same address.'),
  AddressOutsidePools: none(
    'A workload endpoint or a tunnel uses an address that is not assigned and lies in no enabled pool.',
  ),
  AddressNotAssigned: none(
    'A workload endpoint or a tunnel uses an address of a pool that is not assigned, so it may be assigned to another holder.',
  ),
  AddressUnused: none(
    [
      'Calico assigned an address to a pod more than 15 minutes ago, or to a tunnel, and no workload endpoint or node uses it.',
      'Calico passes through this state for a moment when one of them is created or deleted. Only addresses with every mark of',
      'Calico’s own plugins are reported, because clients of the HTTP API have no endpoint to show.',
    ].join(' '),
  ),
  NodeGone: onRequest(
    'Addresses are assigned for a node that is not registered, although other nodes are. Repair: release them.',
  ),
} as const satisfies Readonly<Record<string, CodeEntry>>

/** The kind of a finding, for programs. */
export type CheckCode = keyof typeof checkCodes

/** One thing that is wrong. */
export interface Finding {
  readonly code: CheckCode
  /** The key in etcd that would have to change. */
  readonly key: string
  /** The part of the value: the block of a handle's count, or the node that is gone; undefined if the key alone identifies it. */
  readonly subject: string | undefined
  /** States the fault and what would be right. */
  readonly message: string
  readonly repair: RepairPolicy
  /** The revision of the key; 0 if it does not exist. */
  readonly revision: Revision
  /** Addresses that are held and seem to be unused, and the node of their holder; absent unless the finding is about such. */
  readonly leaked?: { readonly node: string | undefined; readonly addresses: number }
}

/** A finding with the repair policy of its code, unless `repair` is given. */
export function newFinding(
  code: CheckCode,
  at: Pick<Finding, 'key' | 'revision' | 'leaked'> & { readonly subject?: string },
  message: string,
  repair: RepairPolicy = checkCodes[code].repair,
): Finding {
  const { key, subject, revision, leaked } = at
  return { code, key, subject, message, repair, revision, ...(leaked !== undefined && { leaked }) }
}

function none(when: string): CodeEntry {
  return { repair: 'None', isMomentary: false, when }
}

function byDefault(when: string): CodeEntry {
  return { repair: 'Default', isMomentary: false, when }
}

function momentary(when: string): CodeEntry {
  return { repair: 'Default', isMomentary: true, when }
}

function onRequest(when: string): CodeEntry {
  return { repair: 'OnRequest', isMomentary: false, when }
}

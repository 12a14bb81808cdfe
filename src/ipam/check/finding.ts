import type { Revision } from '../../plan/index.ts'

/**
 * Whether a fault can be mended. `Default`: whenever a repair is asked for. `OnRequest`: only when its code is named, because it takes
 * something away that nothing but the rule of the code calls unused. `None`: somebody has to decide.
 */
export type Repair = 'Default' | 'OnRequest' | 'None'

/** What there is to know of a code. */
export interface CodeEntry {
  readonly repair: Repair
  /**
   * Calico's clients pass through a state that looks like it, for the moment between two of their writes: it is mended only when the
   * key has not been written for a while.
   */
  readonly isMomentary: boolean
  /** When it is found, and what the repair does; part of the OpenAPI document. */
  readonly when: string
}

/** Everything that a check finds: the closed set of codes, in the order in which the document lists them. */
export const checkCodes = {
  Unreadable: none('A stored value cannot be read, or its parts contradict each other; it is never overwritten.'),
  ConfigContradictory: none('The IPAM configuration has settings that Calico would refuse together.'),
  PoolsOverlap: none('Two pools share addresses.'),
  SelectorInvalid: none('A selector of a pool cannot be read, so that requests that meet it fail.'),
  ReservationEntryInvalid: none(
    'A reservation has an entry that is no CIDR and no address, so that it reserves nothing.',
  ),
  BlockOutsidePools: byDefault('A block lies in no pool. Repair: delete it when it is empty.'),
  BlockSizeWrong: byDefault('A block has another size than its pool says. Repair: delete it when it is empty.'),
  BlocksOverlap: none('Two blocks share addresses.'),
  AddressInTwoBlocks: none('Two blocks that overlap say of the same address that somebody holds it.'),
  QueueIncomplete: byDefault('Addresses are neither held nor queued. Repair: put them at the end of the queue.'),
  AttributeUnused: byDefault('Attributes of a block belong to no address. Repair: drop them.'),
  ReleasedInFuture: byDefault('An address was released in the future. Repair: let it cool down from now on.'),
  SequenceNumberAhead: byDefault(
    'An address has a sequence number that its block has yet to reach. Repair: raise the number of the block.',
  ),
  BlockOwnerInvalid: byDefault('The affinity of a block names no owner. Repair: take it away.'),
  AffinityMissing: byDefault('A block is affine to an owner who has no claim on it. Repair: write the claim.'),
  AffinityWithoutBlock: momentary('A claim leads to no block. Repair: delete it.'),
  AffinityOfOther: momentary('A claim is on a block that is not affine to its owner. Repair: delete it.'),
  AffinityUnfinished: momentary('A claim on an block of its owner was left half-way. Repair: confirm it.'),
  HandleMissing: byDefault('A block has addresses of a handle that does not exist. Repair: write the handle.'),
  HandleCountTooLow: byDefault('A handle counts fewer addresses in a block than it holds. Repair: count them.'),
  HandleCountTooHigh: momentary('A handle counts more addresses in a block than it holds. Repair: count them.'),
  HandleWithoutAddresses: momentary('A handle holds nothing. Repair: take away what it counts.'),
  HandleBlockMissing: momentary('A handle counts addresses in a block that does not exist. Repair: take them away.'),
  HandleNameInvalid: none('Addresses are held under a name that cannot be the key of a handle.'),
  OwnerUnknown: onRequest('Addresses are held, and nothing says by whom. Repair: release them.'),
  AddressUsedTwice: none('Workload endpoints or tunnels of nodes, two or more, use the same address.'),
  AddressOutsidePools: none(
    'A workload endpoint or a tunnel uses an address that is not assigned and lies in no enabled pool.',
  ),
  AddressNotAssigned: none(
    'A workload endpoint or a tunnel uses an address of a pool that is not assigned, so that another one may get it.',
  ),
  AddressUnused: none(
    [
      'Calico assigned an address for a pod more than 15 minutes ago, or for a tunnel, and no workload endpoint or node says that it is',
      'in use. Calico passes through this for a moment when one of them comes or goes. Only what has every mark of Calico’s own plugins',
      'counts: whoever assigns over HTTP has no endpoint to show.',
    ].join(' '),
  ),
  NodeGone: onRequest('Addresses are held for a node that is not registered, while others are. Repair: release them.'),
} as const satisfies Readonly<Record<string, CodeEntry>>

/** What a check finds, for programs. */
export type CheckCode = keyof typeof checkCodes

/** One thing that is wrong. */
export interface Finding {
  readonly code: CheckCode
  /** The key in etcd that would have to change. */
  readonly key: string
  /** Which part of it: the block of a handle's count, the node that is gone; undefined when the key says it all. */
  readonly subject: string | undefined
  /** What is wrong, and what would be right. */
  readonly message: string
  readonly repair: Repair
  /** The revision of the key; 0 when it does not exist. */
  readonly revision: Revision
}

/** A finding; it can be repaired as its code says, unless `repair` says otherwise. */
export function finding(
  code: CheckCode,
  at: { readonly key: string; readonly revision: Revision; readonly subject?: string },
  message: string,
  repair: Repair = checkCodes[code].repair,
): Finding {
  return { code, key: at.key, subject: at.subject, message, repair, revision: at.revision }
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

/** Texts by their names. */
export type Texts = Readonly<Record<string, string>>

/** The kinds of objects that are moved, in the order in which an import creates them. */
export const objectKinds = ['AccessPolicy', 'IPPool', 'IPReservation', 'Node', 'IPAMConfiguration'] as const
export type ObjectKind = (typeof objectKinds)[number]

/** An object without what a server adds to it: its version, times and status. */
export interface ObjectEntry {
  readonly kind: ObjectKind
  readonly metadata: { readonly name: string; readonly labels?: Texts; readonly annotations?: Texts }
  readonly spec: Readonly<Record<string, unknown>>
}

/** A block that belongs to a node, or to a virtual host. */
export interface AffinityEntry {
  readonly kind: 'Affinity'
  readonly cidr: string
  readonly node: string
  readonly type: string
  /** `confirmed`, unless a program stopped while it changed the affinity. */
  readonly state: string
}

/** The holder of an address. */
export interface Holder {
  readonly node: string | null
  readonly attributes: Texts
}

/** An address that is held. */
export interface AddressEntry extends Holder {
  readonly kind: 'Address'
  readonly address: string
  readonly handle: string | null
  /** The other holder, during a live migration. */
  readonly alternate?: Holder
  /** Known of the addresses of an export alone: another server gives other numbers. */
  readonly sequenceNumber?: string
}

/** An address that was released, and cannot be assigned yet. */
export interface CoolingEntry {
  readonly kind: 'Cooling'
  readonly address: string
  readonly releasedAt: string
}

/** A range of addresses in another system. */
export interface PrefixEntry {
  readonly kind: 'Prefix'
  readonly cidr: string
  /** True if nothing is to be assigned from it. */
  readonly isDisabled: boolean
  /** The prefix length of its blocks; a default unless the other system knows blocks. */
  readonly blockSize?: number
  readonly annotations: Texts
}

/** Something that is not imported, and why. */
export interface LeftOutEntry {
  readonly kind: 'LeftOut'
  readonly what: string
  readonly why: string
}

/** The contents of a file. */
export type Entry = ObjectEntry | AffinityEntry | AddressEntry | CoolingEntry | PrefixEntry | LeftOutEntry

/** An entry, and the line of the file that says it. */
export interface Located<Kind extends Entry = Entry> {
  readonly entry: Kind
  readonly line: number
}

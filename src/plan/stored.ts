/** A revision of the store: it grows with every change. An int64 in etcd; a bigint here, because JSON numbers lose digits beyond 2^53. */
export type Revision = bigint

/** Why a stored value could not be read. The value is left alone, and reported. */
export interface Problem {
  readonly problem: string
}

/** The outcome of decoding one stored value. */
export type Decoded<Value> = { readonly ok: true; readonly value: Value } | ({ readonly ok: false } & Problem)

/**
 * The part that a family's writes have in a change. A store with transactions writes all at once; one that writes a single object at a
 * time follows the parts, see `inOrder`.
 * - `block`: says who holds an address; its write is the commit.
 * - `handle`: counts the addresses of a handle in each block. Its counts may be too high, never too low.
 * - `affinity`: says which node a block belongs to. It is `pending` before the block says so, and goes after it.
 * - `pool`: the range that blocks are cut from. It is written after its blocks.
 * - `record`: everything else. It is written last, unless its family says that it leads.
 */
export type Part = 'block' | 'handle' | 'affinity' | 'pool' | 'record'

/**
 * A family of keys: everything below one prefix that shares one stored form. `decode` gets the whole key and the value's text, and
 * never throws. `held` says what a server keeps in memory of it:
 * - `values`: every decoded value (pools, reservations, configuration, nodes, affinities);
 * - `digests`: the revision of every key and what the family's observer keeps of it, and recently used values (blocks);
 * - `recent`: recently used values only (handles).
 */
export interface Family<Value> {
  readonly name: string
  readonly prefix: string
  readonly held: 'values' | 'digests' | 'recent'
  readonly part: Part
  /**
   * True if a transaction carries at most one plan that writes the family. Clients that watch it resume after the last revision that
   * they saw: if two changes shared a revision, a client that lost its connection between them would never see the second.
   */
  readonly isChangedSingly?: boolean
  /**
   * True if a store may announce changes of the family: each transaction that writes it writes one more key, the same for the whole
   * family. Then others can prove that nothing changed without comparing every key; see the guard `current`.
   */
  readonly isAnnounced?: boolean
  /** True if no plan writes the family: the right to read it is enough. */
  readonly isReadOnly?: boolean
  decode(key: string, text: string): Decoded<Value>
  encode(value: Value): string
  /**
   * The value to write before the blocks when a store writes single objects and the value changes from `before` to `after` (undefined:
   * absent). Undefined: none. `after` follows the blocks unless it is the value returned.
   */
  lead?(before: Value | undefined, after: Value | undefined): Value | undefined
}

/** The part of a family that reading entries takes. */
export type Decodable<Value> = Pick<Family<Value>, 'prefix' | 'decode'>

/** One key of a family. */
export interface Key<Value> {
  readonly family: Family<Value>
  readonly text: string
}

/** The value stored under a key. */
export type Lookup<Value> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'value'; readonly value: Value; readonly revision: Revision }
  | ({ readonly kind: 'unreadable'; readonly revision: Revision } & Problem)

/** One entry of a listing, in key order. */
export type Listed<Value> = { readonly key: string } & Exclude<Lookup<Value>, { kind: 'absent' }>

/** Hears of every change of the image of one family, at once and in order: keeps an index beside it. */
export interface Observer<Value> {
  changed(key: string, lookup: Lookup<Value>): void
  /**
   * Called before `changed` with the text of a value read from the store. True: the observer took all it needs from the text, and the
   * text can be decoded later, when somebody looks at the value. False: the value is decoded at once and passed to `changed`.
   */
  changedText?(key: string, text: string): boolean
}

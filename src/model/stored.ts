/** The outcome of decoding one stored value; `problem` says what is wrong with it. */
export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: string }

/**
 * A family of stored values: everything below one key prefix that shares one form. Structurally the datastore's
 * `Family`, whose documentation says what `held` and `isChangedSingly` mean. `decode` gets the whole key and never throws.
 */
export interface StoredFamily<Value> {
  readonly name: string
  readonly prefix: string
  readonly held: 'values' | 'digests' | 'recent'
  readonly isChangedSingly?: boolean
  decode(key: string, text: string): Decoded<Value>
  encode(value: Value): string
}

/** One key of a family. Structurally the datastore's `Key`. */
export interface StoredKey<Value> {
  readonly family: StoredFamily<Value>
  readonly text: string
}

/**
 * The most keys that a batch reads, and that it writes: what etcd takes in a transaction. Other stores keep to it, because the steps of
 * large changes are made for it.
 */
export const batchKeysMax = 128

/**
 * A family of at most so many keys is compared key by key when a listing of it must be current. etcd takes 2.4 µs for each key that a
 * compare covers (measured), so the alternative, a mark, takes as long as some 250 keys.
 */
export const comparedKeysMax = 256

/** How long after its deadline a caller waits for the outcome of its commit. It learns the outcome if the datastore is silent for less. */
export const settlingPatienceMs = 5_000

/** How long callers may still wait once the server is told to stop. Service managers give a server longer than this. */
export const stoppingPatienceMs = 5_000

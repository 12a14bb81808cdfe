/** Full values of recently used keys kept in memory, per family. A block takes about 20 kB, a handle about 300 bytes. */
export const recentValuesMax = { digests: 2_048, recent: 65_536 } as const

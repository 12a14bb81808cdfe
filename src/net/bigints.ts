/** The lesser of two numbers; `Math.min` takes no bigints. */
export function lesser(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}

/** The greater of two numbers. */
export function greater(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}

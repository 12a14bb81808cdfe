/** What the code shared with the server uses of `node:assert/strict`. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition === false || condition === undefined || condition === null) throw new Error(message)
}

export { assert as default }

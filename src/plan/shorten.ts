/** The length at which a text that a client gave is cut in a message. */
const quotedLengthMax = 100

/** The number of texts that a message lists. */
const listedMax = 8

/** Joins texts for a message: the first few, and the number of the others. */
export function listSome(texts: readonly string[], separator = '; '): string {
  const more = texts.length - listedMax
  return [...texts.slice(0, listedMax), ...(more > 0 ? [`and ${more} more`] : [])].join(separator)
}

/** Cuts a long text for a message, and marks the cut with `...`. */
export function shorten(text: string, lengthMax = quotedLengthMax): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`
}

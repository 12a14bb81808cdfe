/** The length at which a text that a client gave is cut in a message. */
const quotedLengthMax = 100

/** Cuts a long text for a message, and marks the cut with `...`. */
export function shorten(text: string, lengthMax = quotedLengthMax): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}...`
}

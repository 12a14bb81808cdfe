/** Counts come as decimal text, because an IPv6 pool may have 2^128 addresses. */
export type Count = string | bigint | number

const grouped = new Intl.NumberFormat('en')

/** With a comma between thousands; from a quadrillion on as a power of two if it is one, else as a power of ten: `2⁸⁰`, `1.2 × 10²⁴`. */
export function printCount(count: Count): string {
  const value = BigInt(count)
  if (value < 1_000_000_000_000_000n) return grouped.format(value)
  if ((value & (value - 1n)) === 0n) return `2${superscript(value.toString(2).length - 1)}`
  const digits = value.toString()
  return `${digits[0]}.${digits[1]} × 10${superscript(digits.length - 1)}`
}

function superscript(exponent: number): string {
  return String(exponent).replaceAll(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(digit)))
}

/** For little room: `16.8 M`, `65.5 k`. Up to 9,999 as it is. */
export function printShort(count: Count): string {
  const value = BigInt(count)
  if (value < 10_000n) return grouped.format(value)
  if (value >= 1_000_000_000_000_000n) return printCount(value)
  const units: readonly (readonly [string, number])[] = [
    ['T', 1e12],
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ]
  const number = Number(value)
  const [unit, size] = units.find(([, one]) => number >= one) ?? ['', 1]
  const scaled = number / size
  return `${scaled.toFixed(scaled < 100 ? 1 : 0)} ${unit}`
}

/** The share of `part` in `whole`, from 0 to 1, also of numbers beyond 2^53. 0 of nothing. */
export function shareOf(part: Count, whole: Count): number {
  const [some, all] = [BigInt(part), BigInt(whole)]
  if (all === 0n) return 0
  // Both are brought below 2^53 by the same factor; a share that vanishes thereby is kept apart from nothing.
  const excess = BigInt(Math.max(0, all.toString(2).length - 53))
  const share = Number(some >> excess) / Number(all >> excess)
  return share === 0 && some > 0n ? Number.EPSILON : share
}

/** A share as a percentage that does not lie at its ends: `0 %` and `100 %` are exact, `<0.1 %` and `>99.9 %` almost. */
export function printShare(share: number): string {
  if (share === 0) return '0 %'
  if (share === 1) return '100 %'
  const percent = share * 100
  if (percent < 0.1) return '<0.1 %'
  if (percent > 99.9) return '>99.9 %'
  return `${percent.toFixed(percent < 10 || percent > 99 ? 1 : 0)} %`
}

/** `1 address`, `2 addresses`. */
export function counted(count: Count, noun: string, plural = `${noun}s`): string {
  return `${printCount(count)} ${BigInt(count) === 1n ? noun : plural}`
}

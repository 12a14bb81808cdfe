import { blocks as blockFamily } from '../../../model/index.ts'
import type { Revision } from '../../../plan/index.ts'

/** The beginning of a page: a block and an ordinal in it. */
export interface Place {
  readonly key: string
  readonly ordinal: number
}

/** Before every address. */
export const firstPlace: Place = { key: '', ordinal: 0 }

/** A place at a revision, and the number of addresses of the list, if it is known. */
export interface Position extends Place {
  readonly revision: Revision
  readonly total: number | undefined
}

const positionPattern =
  /^([0-9]{1,18})\/(ipv[46]\/block\/[0-9a-f.:]{2,39}-[0-9]{1,3})\/([0-9]{1,4})(?:\/([0-9]{1,15}))?$/

/** The text of a position, for a token. */
export function printPosition({ revision, key, ordinal, total }: Position): string {
  return `${revision}/${key.slice(blockFamily.prefix.length)}/${ordinal}${total === undefined ? '' : `/${total}`}`
}

/** Reads what {@link printPosition} prints; undefined for any other text. */
export function parsePosition(text: string): Position | undefined {
  const [, revision, path, ordinal, total] = positionPattern.exec(text) ?? []
  if (revision === undefined || path === undefined || BigInt(revision) === 0n) return undefined
  const place = { key: `${blockFamily.prefix}${path}`, ordinal: Number(ordinal) }
  return { ...place, revision: BigInt(revision), total: total === undefined ? undefined : Number(total) }
}

import type { Pool } from '../../model/index.ts'
import { formatCidr } from '../../net/index.ts'

/** The number of addresses in use at one moment. */
export interface TrendPoint {
  /** Milliseconds since the epoch. */
  readonly atMs: number
  readonly inUse: number
}

/** The points of one pool. The number stays the same from one point to the next. */
interface History {
  readonly cidr: string
  readonly points: TrendPoint[]
}

const dayMs = 24 * 3_600_000
const hourMs = 3_600_000

/** Ten thousand pools that change all the time take some 60 MiB. */
const pointsMax = 96

/** A trend of less time than this would be chance. */
const shortestMs = 10 * 60_000

/**
 * Remembers for a day how many addresses of each pool were in use, as far as this server has seen it. If a pool has changed very often, the
 * points are thinned out.
 */
export class PoolTrends {
  readonly #histories = new Map<string, History>()
  #sinceMs: number | undefined

  /** When the first numbers were noted, in milliseconds since the epoch; undefined before. */
  get sinceMs(): number | undefined {
    return this.#sinceMs
  }

  /** Notes the numbers of all pools at one moment, later than the ones before. A pool that is not among them is forgotten. */
  note(counts: ReadonlyMap<Pool, number>, atMs: number): void {
    this.#sinceMs ??= atMs
    const present = new Set<string>()
    for (const [{ name, cidr }, inUse] of counts) {
      present.add(name)
      this.#noteOne(name, formatCidr(cidr), { atMs, inUse })
    }
    for (const name of this.#histories.keys()) if (!present.has(name)) this.#histories.delete(name)
  }

  /** Returns the points of a pool, oldest first: its number stays the same from one to the next. None for a pool that was not noted. */
  pointsOf({ name, cidr }: Pick<Pool, 'name' | 'cidr'>): readonly TrendPoint[] {
    const history = this.#histories.get(name)
    return history?.cidr === formatCidr(cidr) ? history.points : []
  }

  /**
   * Returns by how many addresses an hour the number has grown since the oldest point, negative if it has shrunk; undefined if that is too
   * short a time to tell.
   */
  growthOf(pool: Pick<Pool, 'name' | 'cidr'>, now: TrendPoint): number | undefined {
    const [oldest] = this.pointsOf(pool)
    if (oldest === undefined || now.atMs - oldest.atMs < shortestMs) return undefined
    return ((now.inUse - oldest.inUse) * hourMs) / (now.atMs - oldest.atMs)
  }

  #noteOne(name: string, cidr: string, point: TrendPoint): void {
    const known = this.#histories.get(name)
    if (known?.cidr !== cidr) {
      this.#histories.set(name, { cidr, points: [point] })
      return
    }
    const { points } = known
    if (points.at(-1)?.inUse !== point.inUse) points.push(point)
    // The number at the start of the day is that of the last point before it.
    const start = point.atMs - dayMs
    const past = points.findLastIndex(({ atMs }) => atMs <= start)
    const first = points[past]
    if (first !== undefined) points.splice(0, past + 1, { ...first, atMs: start })
    if (points.length > pointsMax) points.splice(0, points.length, ...thinned(points))
  }
}

/** Every second point, with the first and the last. */
function thinned(points: readonly TrendPoint[]): readonly TrendPoint[] {
  return points.filter((_, index) => index % 2 === 0 || index === points.length - 1)
}

/**
 * Returns when a pool is full if it goes on growing as it has, in milliseconds since the epoch. Undefined if it does not grow, or will last
 * for more than ten years.
 */
export function fullAt(available: number, growthPerHour: number | undefined, nowMs: number): number | undefined {
  if (growthPerHour === undefined || growthPerHour <= 0) return undefined
  const leftMs = (available / growthPerHour) * hourMs
  return leftMs > 3_650 * dayMs ? undefined : nowMs + leftMs
}

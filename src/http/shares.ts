import { adminGroup, type Caller, unchecked } from '../access/index.ts'

/** Names the one whose share a call is counted in: the user, or the address where nobody is asked. */
export function sharerOf({ user }: Caller, address: string): string {
  return user === unchecked.user ? `address ${address}` : `user ${user}`
}

/** True if the caller has proved to be an admin. Where nobody is asked, everybody may do everything, and has no precedence. */
export function isAdmin(caller: Caller): boolean {
  return caller.user !== unchecked.user && caller.groups.includes(adminGroup)
}

/** Counts what is open, such as watches, by caller: each caller has a share of the limit once it is reached. */
export class Shares {
  readonly #max: number
  readonly #open = new Map<string, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /**
   * True if one more of this caller has to be refused: the limit is reached, and the caller has its share of it. Callers with less are
   * still let in, but all together have no more than twice the limit.
   */
  isFull(caller: string): boolean {
    if (this.#total < this.#max) return false
    const others = this.#open.has(caller) ? 0 : 1
    const share = this.#max / (this.#open.size + others)
    return (this.#open.get(caller) ?? 0) >= share || this.#total >= 2 * this.#max
  }

  /** Counts one more. Returns a function to call when it is over. */
  enter(caller: string): () => void {
    this.#total++
    this.#open.set(caller, (this.#open.get(caller) ?? 0) + 1)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#total--
      const left = (this.#open.get(caller) ?? 1) - 1
      if (left === 0) this.#open.delete(caller)
      else this.#open.set(caller, left)
    }
  }
}

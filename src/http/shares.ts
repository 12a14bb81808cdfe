import { adminGroup, type Caller, unchecked } from '../access/index.ts'

/** Returns the name under which a caller's share is counted: the user, or, without authentication, the address. */
export function sharerOf({ user }: Caller, address: string): string {
  return user === unchecked.user ? `address ${address}` : `user ${user}`
}

/** True if the caller has proved to be an admin. Without authentication, all callers may do everything, and none has precedence. */
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

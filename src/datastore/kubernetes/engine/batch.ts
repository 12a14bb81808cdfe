import type { Write } from '../../../plan/index.ts'
import { PlannedBatch } from '../../planning/index.ts'

/**
 * Operations that are committed by one write of one block. A plan that writes no block, or several, has a batch of its own; plans that
 * write nothing may share any.
 */
export class ObjectBatch extends PlannedBatch {
  protected override mayShare(writes: readonly Write[]): boolean {
    if (writes.length === 0 || this.writes.size === 0) return true
    const [here, there] = [blockOf(this.writes.values()), blockOf(writes)]
    return here !== undefined && here === there
  }
}

/** The key of the only block among the writes; undefined if there is none, or more than one. */
function blockOf(writes: Iterable<Write>): string | undefined {
  const keys = new Set([...writes].filter(({ key }) => key.family.part === 'block').map(({ key }) => key.text))
  const [key] = keys
  return keys.size === 1 ? key : undefined
}

import { nodes as nodeFamily } from '../../model/index.ts'
import { answerOnly, type Plan, type View } from '../../plan/index.ts'
import { matches, type Selector } from '../../selector/index.ts'

/** The registered nodes that a selector matches. */
export interface MatchedNodes {
  /** In the order of their names: as many as were asked for. */
  readonly nodes: readonly string[]
  readonly matched: number
  /** The number of registered nodes. */
  readonly total: number
}

/** Finds the registered nodes whose labels a selector matches. */
export function planMatchNodes(view: View, selector: Selector, limit: number): Plan<MatchedNodes> {
  const nodes: string[] = []
  let matched = 0
  let total = 0
  for (const entry of view.list(nodeFamily, 'hint')) {
    if (entry.kind !== 'value') continue
    total++
    if (!matches(selector, entry.value.labels)) continue
    matched++
    if (nodes.length < limit) nodes.push(entry.value.name)
  }
  return answerOnly({ nodes, matched, total })
}

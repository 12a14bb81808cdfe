import { setTimeout as pause } from 'node:timers/promises'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import { checkCodes, type Finding, planRepair } from '../../ipam/index.ts'
import type { Revision } from '../../plan/index.ts'
import type { RepairOutcome } from '../schemas/index.ts'
import type { IpamOptions } from './ipam-operation.ts'

/** How long a key must not have been written before what may be the moment between two writes is taken for a fault. */
const settleMs = 5_000

/** Repairs under way at once, so that they share transactions. */
const atOnce = 16

/** How to repair. */
export interface RepairMode {
  readonly isWanted: (finding: Finding) => boolean
  readonly isDryRun: boolean
}

/** What became of one finding. */
export interface Repaired {
  readonly finding: Finding
  readonly outcome: Exclude<RepairOutcome, 'Partly'>
  readonly detail: string
}

/** Repairs what is wanted of the findings, and tells what became of each, key by key. Several at once; those of one key one by one. */
export async function* repair(
  options: IpamOptions,
  findings: AsyncIterable<Finding>,
  mode: RepairMode,
): AsyncGenerator<Repaired, void> {
  const begunAtMs = performance.now()
  const underWay: Promise<readonly Repaired[]>[] = []
  for await (const group of groups(findings, mode.isWanted)) {
    underWay.push(repairGroup(options, group, mode, begunAtMs))
    if (underWay.length >= atOnce) yield* (await underWay.shift()) ?? []
  }
  for (const results of underWay) yield* await results
}

/** Findings that follow each other and are about the same key. */
async function* groups(
  findings: AsyncIterable<Finding>,
  isWanted: (finding: Finding) => boolean,
): AsyncGenerator<readonly Finding[], void> {
  let group: Finding[] = []
  for await (const found of findings) {
    if (!isWanted(found)) continue
    if (group[0] !== undefined && group[0].key !== found.key) {
      yield group
      group = []
    }
    group.push(found)
  }
  if (group.length > 0) yield group
}

async function repairGroup(
  options: IpamOptions,
  group: readonly Finding[],
  mode: RepairMode,
  begunAtMs: number,
): Promise<readonly Repaired[]> {
  const results: Repaired[] = []
  let ownRevision: Revision | undefined
  // A repair that does not ask whether the key was written meanwhile would pass off that write as its own for those that do.
  const isMomentary = ({ code }: Finding): boolean => checkCodes[code].isMomentary
  for (const found of [...group.filter(isMomentary), ...group.filter((found) => !isMomentary(found))]) {
    const waitMs = begunAtMs + settleMs - performance.now()
    if (isMomentary(found) && !mode.isDryRun && waitMs > 0) await pause(waitMs)
    // What this very repair has written is not somebody else's doing.
    const expected = ownRevision === undefined ? found : { ...found, revision: ownRevision }
    try {
      const { answer, revision } = await mend(options, expected, mode)
      if (answer.outcome === 'Repaired' && !mode.isDryRun) ownRevision = revision
      results.push({ finding: found, outcome: answer.outcome, detail: answer.message })
    } catch (fault) {
      if (!(fault instanceof DatastoreUnavailable)) throw fault
      const detail = fault.code === 'OutcomeUnknown' ? 'Whether it was repaired is not known.' : fault.message
      results.push({ finding: found, outcome: 'Unavailable', detail })
    }
  }
  return results
}

/** Repairs one finding, in as many steps as it takes. */
async function mend(
  { store, now, deadlineMs }: IpamOptions,
  found: Finding,
  { isDryRun }: RepairMode,
): Promise<{
  readonly answer: { readonly outcome: 'Repaired' | 'NotFound' | 'Refused'; readonly message: string }
  readonly revision: Revision
}> {
  for (let steps = 0; ; steps++) {
    const at = now()
    const { answer, revision } = await store.submit((view) => planRepair(view, found, at), {
      deadlineMs,
      dryRun: isDryRun,
    })
    const { outcome, message } = answer
    if (outcome === 'Partly' && !isDryRun) continue
    // After a step, nothing being left is what was wanted.
    const isMended = outcome === 'Partly' || (outcome === 'NotFound' && steps > 0)
    return { answer: { outcome: isMended ? 'Repaired' : outcome, message }, revision }
  }
}

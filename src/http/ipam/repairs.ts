import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { DatastoreUnavailable } from '../../datastore/index.ts'
import { checkCodes, type Finding, planRepair, type RepairAnswer } from '../../ipam/index.ts'
import { carryOutSteps, type Revision, type Step } from '../../plan/index.ts'
import type { RepairOutcome } from '../schemas/index.ts'
import { changedNothing } from '../wire/index.ts'
import type { IpamOptions } from './request.ts'

/** How long a key must stay unwritten until what may be the moment between two writes is taken for a fault. */
const settleMs = 5_000

/** Repairs under way at once: they share transactions. */
const atOnce = 16

/** Which findings to repair, and how. */
export interface RepairMode {
  readonly isWanted: (finding: Finding) => boolean
  readonly isDryRun: boolean
}

/** The outcome for one finding. */
export interface Repaired {
  readonly finding: Finding
  readonly outcome: RepairOutcome
  readonly detail: string
}

/** Repairs the findings that are wanted, and reports the outcome of each. Several keys at once, the findings of one key one by one. */
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

/** Groups findings that follow each other and have the same key. */
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
  // Repairs that ask whether the key was written meanwhile go first: another repair would make a foreign write look like its own.
  const isMomentary = ({ code }: Finding): boolean => checkCodes[code].isMomentary
  for (const found of [...group.filter(isMomentary), ...group.filter((found) => !isMomentary(found))]) {
    const waitMs = begunAtMs + settleMs - performance.now()
    if (isMomentary(found) && !mode.isDryRun && waitMs > 0) await pause(waitMs)
    // A write of this repair is no foreign write.
    const expected = ownRevision === undefined ? found : { ...found, revision: ownRevision }
    try {
      const { answer, revision } = await repairOne(options, expected, mode)
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
async function repairOne(
  { store, now, deadlineMs }: IpamOptions,
  found: Finding,
  { isDryRun }: RepairMode,
): Promise<{ readonly answer: RepairAnswer; readonly revision: Revision }> {
  const repairStep = async (): Promise<Step<{ readonly answer: RepairAnswer; readonly revision: Revision }>> => {
    const at = now()
    const options = { deadlineMs, dryRun: isDryRun }
    const { answer, revision } = await store.submit((view) => planRepair(view, found, at), options)
    // A dry run changes nothing, so its next step would be the same.
    return { answer: { answer, revision }, next: isDryRun ? undefined : answer.next }
  }
  const { answers, fault } = await carryOutSteps(repairStep, { isHarmless: changedNothing })
  if (fault !== undefined) throw fault
  const last = answers.at(-1)
  assert(last !== undefined, 'a change has a step at least')
  // If a later step finds nothing, the steps before have repaired everything.
  const isRepaired = last.answer.outcome === 'NotFound' && answers.length > 1
  return isRepaired ? { ...last, answer: { ...last.answer, outcome: 'Repaired' } } : last
}

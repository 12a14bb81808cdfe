import { setTimeout as pause } from 'node:timers/promises'
import { answerTo, type Schemas } from '../api/index.ts'
import { exitCodes, Failure } from '../failures.ts'
import { type Column, paint, printCount, printPercent, printTable } from '../output/index.ts'
import { isRowFormat, type Session } from '../session.ts'
import { poolLayout } from './layouts.ts'

type Pool = Schemas['PoolUtilization']

/** The use of the pools at one moment. */
interface Sample {
  readonly pools: readonly Pool[]
  readonly atMs: number
}

/** A terminal as it was before, and one for a live display: another screen, without a cursor. */
const [enterScreen, leaveScreen] = ['\u001b[?1049h\u001b[?25l', '\u001b[?25h\u001b[?1049l']
const [home, clearLine, clearRest] = ['\u001b[H', '\u001b[K', '\u001b[J']

/**
 * Shows the use of pools `count` times, the fullest first. At a terminal, each replaces the one before, until the user presses q or
 * Ctrl-C. A server that does not answer is shown, and asked again.
 */
export async function showTop(
  session: Session,
  names: readonly string[],
  count: number,
  intervalMs: number,
): Promise<void> {
  const { stdin, stdout } = session.io
  const isScreen = session.isWatched && stdin.isTTY && isRowFormat(session.format())
  const stopping = new AbortController()
  const onKey = (key: unknown): void => {
    if (/^[qQ\u0003]/.test(String(key))) stopping.abort()
  }
  if (isScreen) {
    stdout.write(enterScreen)
    stdin.setRawMode(true)
    stdin.on('data', onKey).resume()
  }
  try {
    let before: Sample | undefined
    for (let shown = 1; !stopping.signal.aborted; shown++) {
      before = await show(session, names, before, isScreen)
      if (shown >= count) break
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  } finally {
    if (isScreen) {
      stdin.setRawMode(false)
      stdin.off('data', onKey).pause()
      stdout.write(leaveScreen)
    }
  }
}

async function show(
  session: Session,
  names: readonly string[],
  before: Sample | undefined,
  isScreen: boolean,
): Promise<Sample | undefined> {
  try {
    const query = names.length === 0 ? {} : { pools: [...names] }
    const answer = await answerTo((await session.api()).GET('/ipam/v1/utilization', { params: { query } }))
    const sample = { pools: answer.data.pools, atMs: Date.now() }
    if (!isRowFormat(session.format())) await session.printAnswer(answer)
    else if (isScreen) session.print(screenOf(session, sample, before))
    else await session.printRows(layoutOf(sample, before), fullestFirst(sample.pools), answer, 'There are no pools.')
    return sample
  } catch (problem) {
    const isPassing = problem instanceof Failure && problem.exitCode === exitCodes.unreachable
    if (!isPassing || !isScreen || before === undefined) throw problem
    session.print(`${home}${paint(problem.message, 'bad', session.style)}${clearLine}`)
    return before
  }
}

/** As many pools as the screen has lines for, below the sum of all. */
function screenOf(session: Session, sample: Sample, before: Sample | undefined): string {
  const { columns, rows } = session.io.stdout
  const { columns: tableColumns } = layoutOf(sample, before)
  const shown = tableColumns.filter(({ isWide }) => isWide !== true)
  const { text } = printTable(shown, fullestFirst(sample.pools).slice(0, Math.max(1, rows - 4)), session.style)
  const hidden = sample.pools.length - Math.max(1, rows - 4)
  const sum = (figure: 'inUse' | 'capacity'): bigint =>
    sample.pools.reduce((all, pool) => all + BigInt(pool[figure]), 0n)
  const [inUse, capacity] = [sum('inUse'), sum('capacity')]
  const percent = capacity === 0n ? 0 : Number((inUse * 10_000n) / capacity) / 100
  const head = `${sample.pools.length} pools, ${printCount(String(inUse))} of ${printCount(String(capacity))} in use (${printPercent(percent)})`
  const time = new Date(sample.atMs).toLocaleTimeString('sv')
  const lines = [
    `${head}${time.padStart(Math.max(1, columns - head.length))}`,
    '',
    ...text.trimEnd().split('\n'),
    ...(hidden > 0 ? [paint(`and ${hidden} more`, 'quiet', session.style)] : []),
  ]
  return `${home}${lines.map((line) => `${line}${clearLine}`).join('\n')}${clearRest}`
}

function fullestFirst(pools: readonly Pool[]): readonly Pool[] {
  return pools.toSorted((one, other) => other.percentInUse - one.percentInUse || one.pool.localeCompare(other.pool))
}

/** The layout of pools, with how fast the addresses in use become more or fewer. */
function layoutOf(sample: Sample, before: Sample | undefined): typeof poolLayout {
  const inUseBefore = new Map(before?.pools.map(({ pool, inUse }) => [pool, inUse]))
  const seconds = before === undefined ? 0 : (sample.atMs - before.atMs) / 1_000
  const perSecond: Column<Pool> = {
    name: 'perSecond',
    isRight: true,
    value: ({ pool, inUse }) => {
      const earlier = inUseBefore.get(pool)
      if (earlier === undefined || seconds <= 0) return undefined
      const rate = Number(BigInt(inUse) - BigInt(earlier)) / seconds
      return `${rate > 0 ? '+' : ''}${rate.toFixed(1)}`
    },
  }
  return { ...poolLayout, columns: [...poolLayout.columns, perSecond] }
}

import { canonicalAddress, printRange, readRange } from './addresses.ts'
import type { Entry, Located, PrefixEntry } from './entries.ts'
import { FormatProblem } from './problem.ts'
import { type Members, parseJson, Shapes } from './shapes.ts'

/**
 * Reads what `calicoctl ipam show --show-blocks` prints, which has pools and their blocks, or the report that `calicoctl ipam check -o`
 * writes, which has addresses. docs/moving-data.md has the mapping.
 */
export function readCalicoctl(text: string): Iterable<Located> {
  return text.trimStart().startsWith('{') ? readReport(text) : readUtilization(text)
}

function* readReport(text: string): Generator<Located, void> {
  const shapes = new Shapes()
  const report = shapes.members(parseJson(text), 'the file')
  const allocations = Object.entries(shapes.members(report['allocations'], 'allocations'))
  for (const [address, list] of allocations) {
    const at = `allocations["${address}"]`
    for (const allocation of shapes.list(list, at)) {
      yield { entry: addressOf(address, shapes.members(allocation, at), at, shapes), line: 1 }
    }
  }
}

function addressOf(text: string, allocation: Members, at: string, shapes: Shapes): Entry {
  const address = canonicalAddress(text)
  if (address === undefined) throw shapes.problem('allocations', text, 'addresses such as 10.1.0.7')
  const read = (name: string): string | null => shapes.textOrNull(allocation[name], `${at}.${name}`)
  const attributes = {
    namespace: read('namespace'),
    pod: read('pod'),
    timestamp: read('creationTimestamp'),
    type: read('type'),
  }
  return {
    kind: 'Address',
    address,
    handle: read('handle'),
    node: read('node'),
    attributes: Object.fromEntries(
      Object.entries(attributes).flatMap(([name, value]) => (value ? [[name, value]] : [])),
    ),
  }
}

/** Reads a table. A pool gets blocks of the size that its first block has. */
function* readUtilization(text: string): Generator<Located, void> {
  let pool: { readonly entry: PrefixEntry; readonly line: number } | undefined
  let isKnown = false
  for (const [index, line] of text.split('\n').entries()) {
    const cells = line.split('|').map((cell) => cell.trim())
    const [, grouping, cidr = ''] = cells
    if (grouping === 'GROUPING' && cidr === 'CIDR') isKnown = true
    if (grouping !== 'IP Pool' && grouping !== 'Block') continue
    const range = readRange(cidr)
    if (range === undefined)
      throw new FormatProblem(`CIDR is "${cidr}"; it must be one such as 10.1.0.0/16`, { line: index + 1 })
    if (grouping === 'IP Pool') {
      if (pool !== undefined) yield pool
      pool = { entry: { kind: 'Prefix', cidr: printRange(range), isDisabled: false, annotations: {} }, line: index + 1 }
    } else {
      if (pool?.entry.blockSize === undefined && pool !== undefined) {
        pool = { ...pool, entry: { ...pool.entry, blockSize: range.prefixLength } }
      }
      const entry = {
        kind: 'LeftOut',
        what: printRange(range),
        why: 'the output does not say who has the block',
      } as const
      yield { entry, line: index + 1 }
    }
  }
  if (pool !== undefined) yield pool
  if (!isKnown)
    throw new FormatProblem(
      'this is neither a table of "calicoctl ipam show --show-blocks" nor a report of "ipam check"',
    )
}

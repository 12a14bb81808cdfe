import t from 'tap'
import { BlockIndex, type JsonObject, stringifyJson } from '../../../src/model/index.ts'
import { resourceKinds, reduceToMetadata, printTable } from '../../../src/resources/index.ts'
import { showObject } from '../../../src/resources/object/index.ts'
import type { TableOptions } from '../../../src/resources/table/table.ts'
import { assignAutomatically, newBlock } from '../../../src/model/index.ts'
import { CidrSet, mustParseCidr } from '../../../src/net/index.ts'
import { context, mustPool, poolKind } from '../fixtures.ts'

const terms = { reserved: CidrSet.of([mustParseCidr('10.10.0.128/26')]), cooledBefore: 0n }
const options: TableOptions = { version: 'v1', includeObject: 'Metadata', now: context.now, terms }
const metadata = { uid: 'u', creationTimestamp: '2026-11-23T03:59:00Z', labels: { a: 'b' } }
const pool = showObject(poolKind(), mustPool({ natOutgoing: true }, metadata), 1001n)
const poolMetadata = { name: 'pool-a', uid: 'u', resourceVersion: '1001', labels: { a: 'b' } }
const list = { kind: 'IPPoolList', metadata: { resourceVersion: '1018', continue: 'x' }, items: [pool, pool] }

/** As it is sent. */
function sent(object: JsonObject): Record<string, unknown> {
  return JSON.parse(stringifyJson(object)) as Record<string, unknown>
}

const columns = [
  { name: 'Name', type: 'string', format: 'name', priority: 0 },
  { name: 'CIDR', type: 'string', format: '', priority: 0 },
  { name: 'State', type: 'string', format: '', priority: 0 },
  { name: 'Capacity', type: 'string', format: '', priority: 0 },
  { name: 'InUse', type: 'string', format: '', priority: 0 },
  { name: 'Free', type: 'string', format: '', priority: 0 },
  { name: 'NAT', type: 'boolean', format: '', priority: 1 },
  { name: 'IPIPMode', type: 'string', format: '', priority: 1 },
  { name: 'VXLANMode', type: 'string', format: '', priority: 1 },
  { name: 'Disabled', type: 'boolean', format: '', priority: 1 },
  { name: 'DisableBGPExport', type: 'boolean', format: '', priority: 1 },
  { name: 'Selector', type: 'string', format: '', priority: 1 },
  { name: 'Age', type: 'date', format: '', priority: 0 },
]
const cells = [
  ...['pool-a', '10.10.0.0/24', 'Unknown', '256', '0', '192'],
  ...[true, 'Never', 'Never', false, false, 'all()', '0s'],
]

t.test('an object is a table with one row, as old as the object', (t) => {
  const table = sent(printTable(poolKind(), pool, options))
  t.match(table, { kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: columns })
  t.strictSame(table['metadata'], { resourceVersion: '1001' })
  t.match(table['rows'], [
    { cells, object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: poolMetadata } },
  ])
  t.end()
})

t.test('a list is a table with a row for each object, and with the metadata of the list', (t) => {
  const table = sent(printTable(poolKind(), list, options))
  t.strictSame(table['metadata'], list.metadata)
  t.match(table['rows'], [{ cells }, { cells }])
  t.match(sent(printTable(poolKind(), { ...list, items: [] }, options)), { columnDefinitions: columns, rows: [] })
  t.end()
})

t.test('a row carries the requested part of its object', (t) => {
  const rows = (includeObject: TableOptions['includeObject']): unknown =>
    sent(printTable(poolKind(), pool, { ...options, includeObject }))['rows']
  t.match(rows('Object'), [{ cells, object: sent(pool) }])
  t.strictSame(rows('None'), [{ cells }])
  t.end()
})

t.test('the columns can be left out', (t) => {
  const table = sent(printTable(poolKind(), pool, { ...options, hasColumns: false }))
  t.strictSame(table['columnDefinitions'], [])
  t.match(table['rows'], [{ cells }])
  t.end()
})

t.test('an object without a version or a creation time can be shown', (t) => {
  const table = sent(printTable(poolKind(), showObject(poolKind(), mustPool(), undefined), options))
  t.strictSame(table['metadata'], {})
  t.match(table['rows'], [{ cells: [...cells.slice(0, 6), false, ...cells.slice(7, -1), '<unknown>'] }])
  t.end()
})

t.test('metadata alone are those of the object, or of each object of the list', (t) => {
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1beta1', metadata: sent(pool)['metadata'] }
  t.strictSame(sent(reduceToMetadata(pool, 'v1beta1')), partial)
  t.strictSame(sent(reduceToMetadata(list, 'v1beta1')), {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1beta1',
    metadata: list.metadata,
    items: [partial, partial],
  })
  t.end()
})

t.test('a pool shows its state, and how many of its addresses are in use and free', (t) => {
  const { block } = assignAutomatically(newBlock(mustParseCidr('10.10.0.0/29'), null, context.now), 3, () => false, {
    handle: 'h',
  })
  const rows = (object: JsonObject): unknown => sent(printTable(poolKind([block]), object, options))['rows']
  t.match(rows({ ...pool, spec: { cidr: '10.10.0.0/24', disabled: true } }), [
    { cells: ['pool-a', '10.10.0.0/24', 'Disabled', '256', '3', '189'] },
  ])
  t.match(rows({ ...pool, spec: { cidr: 'fd00::/48' } }), [
    { cells: ['pool-a', 'fd00::/48', 'Unknown', '1208925819614629174706176', '0', '1208925819614629174706176'] },
  ])
  t.match(rows({ ...pool, spec: { cidr: 'x' } }), [{ cells: ['pool-a', 'x', 'Unknown', '<none>', '<none>', '<none>'] }])
  t.end()
})

t.test('every kind can be shown as a table, with a cell for each column', (t) => {
  for (const kind of resourceKinds(new BlockIndex())) {
    const parsed = kind.parse(kind.example)
    if (!parsed.ok) throw new Error(parsed.problem)
    const table = sent(printTable(kind, showObject(kind, parsed.value, 7n), options))
    const definitions = table['columnDefinitions'] as readonly { readonly name: string; readonly description: string }[]
    const [row] = table['rows'] as readonly { readonly cells: readonly unknown[] }[]
    t.equal(row?.cells.length, definitions.length, kind.kind)
    t.ok(
      definitions.every(({ name, description }) => /^[A-Z][A-Za-z0-9]*$/.test(name) && description.endsWith('.')),
      kind.kind,
    )
  }
  t.end()
})

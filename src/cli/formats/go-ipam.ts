import { canonicalAddress, printRange, readRange } from './addresses.ts'
import type { Entry, Located } from './entries.ts'
import { heldAs, prefixAs } from './rows.ts'
import { type Members, parseJson, Shapes } from './shapes.ts'

/** Reads what go-ipam's `Dump` writes: a list of prefixes with their addresses. docs/moving-data.md has the mapping. */
export function* readGoIpam(text: string): Generator<Located, void> {
  const shapes = new Shapes()
  for (const [index, value] of shapes.list(parseJson(text), 'the file').entries()) {
    for (const entry of entriesOf(shapes.members(value, `[${index}]`), `[${index}]`, shapes)) yield { entry, line: 1 }
  }
}

function* entriesOf(prefix: Members, at: string, shapes: Shapes): Generator<Entry, void> {
  const cidr = shapes.text(prefix['Cidr'], `${at}.Cidr`)
  const range = readRange(cidr)
  if (range === undefined) throw shapes.problem(`${at}.Cidr`, cidr, 'a CIDR such as 10.1.0.0/16')
  const namespace = shapes.textOrNull(prefix['Namespace'], `${at}.Namespace`) ?? ''
  const notes: Readonly<Record<string, string>> = namespace === '' || namespace === 'root' ? {} : { namespace }
  yield prefixAs(printRange(range), false, notes)
  for (const address of Object.keys(shapes.members(prefix['IPs'] ?? {}, `${at}.IPs`))) {
    const canonical = canonicalAddress(address)
    if (canonical === undefined) throw shapes.problem(`${at}.IPs`, address, 'an address such as 10.1.0.7')
    yield heldAs(canonical, '', notes)
  }
}

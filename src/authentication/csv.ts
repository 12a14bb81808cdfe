/** One record of a CSV file, and the line that it begins on. */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

/** All records of a file, or why it cannot be read. */
export type CsvReading =
  | { readonly ok: true; readonly records: readonly CsvRecord[] }
  | { readonly ok: false; readonly problem: string }

/**
 * Reads CSV exactly as Go's `encoding/csv` does by default, because kube-apiserver reads its token file with that: fields are separated by
 * commas, spaces belong to a field, empty lines are skipped. A field that begins with a quotation mark ends with the next one that is not
 * doubled, may contain commas and line breaks, and must be followed by a comma or the end of the line. Other fields have no quotation mark.
 * @see RFC 4180
 */
export function readCsv(text: string): CsvReading {
  const source = text.replaceAll('\r\n', '\n')
  const records: CsvRecord[] = []
  let position = 0
  let line = 1
  while (position < source.length) {
    if (source[position] === '\n') {
      position += 1
      line += 1
      continue
    }
    const begin = line
    const fields: string[] = []
    for (;;) {
      const isQuoted = source[position] === '"'
      const field = isQuoted ? quotedField(source, position) : bareField(source, position)
      if (!field.ok) return { ok: false, problem: `line ${begin}: ${field.problem}` }
      fields.push(field.text)
      line += field.text.split('\n').length - 1
      position = field.end
      if (source[position] !== ',') break
      position += 1
    }
    records.push({ line: begin, fields })
    position += 1
    line += 1
  }
  return { ok: true, records }
}

type Field =
  | { readonly ok: true; readonly text: string; readonly end: number }
  | { readonly ok: false; readonly problem: string }

function bareField(source: string, start: number): Field {
  const found = source.slice(start).search(/[,\n"]/)
  const end = found === -1 ? source.length : start + found
  if (source[end] === '"') return { ok: false, problem: 'a quotation mark may stand only at the beginning of a field' }
  return { ok: true, text: source.slice(start, end), end }
}

function quotedField(source: string, start: number): Field {
  let end = start + 1
  for (;;) {
    end = source.indexOf('"', end)
    if (end === -1) return { ok: false, problem: 'a quotation mark is not closed' }
    if (source[end + 1] !== '"') break
    end += 2
  }
  const after = source[end + 1]
  if (after !== undefined && after !== ',' && after !== '\n') {
    return { ok: false, problem: 'a comma or the end of the line must follow a closing quotation mark' }
  }
  return { ok: true, text: source.slice(start + 1, end).replaceAll('""', '"'), end: end + 1 }
}

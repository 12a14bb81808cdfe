import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'

const folder = new URL('results/', import.meta.url)

/** One line of a table of figures, by the names of its columns. */
export type Row = Readonly<Record<string, string | number>>

/** Prints a table with as many decimals as say something. All rows have the columns of the first. */
export function printTable(rows: readonly Row[]): void {
  const columns = Object.keys(rows[0] ?? {})
  const cells = [columns, ...rows.map((row) => columns.map((column) => shown(row[column])))]
  const widths = columns.map((_, place) => Math.max(...cells.map((line) => line[place]?.length ?? 0)))
  for (const line of cells) {
    process.stdout.write(`${line.map((cell, place) => cell.padStart(widths[place] ?? 0)).join('  ')}\n`)
  }
}

/** Keeps the figures of a benchmark in `bench/results/<name>.json`, with what they were measured on. */
export async function saveResults(name: string, rows: readonly Row[]): Promise<void> {
  const machine = { cores: cpus().length, processor: cpus()[0]?.model ?? 'unknown', node: process.version }
  await save(`${name}.json`, `${JSON.stringify({ machine, rows }, null, 2)}\n`)
}

/** Keeps a picture in `bench/results/<name>.svg`. */
export async function savePlot(name: string, svg: string): Promise<void> {
  await save(`${name}.svg`, svg)
}

async function save(file: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(new URL(file, folder), text)
  process.stdout.write(`bench/results/${file} written\n`)
}

function shown(value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? ''
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(2)
}

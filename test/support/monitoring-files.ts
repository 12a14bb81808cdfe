import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

/** A rule of `deploy/monitoring/rules.yaml`. */
export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** The folder of the rules and of the dashboard. */
export const monitoringFolder = fileURLToPath(new URL('../../deploy/monitoring', import.meta.url))

/** All rules. */
export function readRules(): readonly Rule[] {
  const { groups } = parse(readMonitoringFile('rules.yaml')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

export function readMonitoringFile(name: string): string {
  return readFileSync(`${monitoringFolder}/${name}`, 'utf8')
}

/** A metric as docs/metrics.md describes it. */
export interface DescribedMetric {
  readonly type: string
  readonly labels: readonly string[]
}

/** The metrics in the tables of docs/metrics.md, by name. */
export function describedMetrics(): ReadonlyMap<string, DescribedMetric> {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = page.split('\n').filter((line) => /^\| `(ippoold|ipam)_/.test(line))
  return new Map(
    rows.flatMap((row) => {
      const [, names = '', type = '', labels = ''] = row.split('|').map((cell) => cell.trim())
      const described = { type, labels: quoted(labels).toSorted() }
      return quoted(names).map((name) => [name, described] as const)
    }),
  )
}

function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}

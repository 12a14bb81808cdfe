/** The formats in which metrics are written: that of Prometheus, and OpenMetrics. */
export type ExpositionFormat = 'text/plain' | 'application/openmetrics-text'

/** The type of a metric. The name of a counter ends with `_total`, unless it is Calico's. */
export type MetricType = 'counter' | 'gauge'

/** A sample: the values of its labels, and its own. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Prints labels as they follow the name of a metric: `{ippool="blue"}`; nothing if there are none. */
export function printLabels(labels: Readonly<Record<string, string>>): string {
  let printed = ''
  for (const label in labels) printed += `${printed === '' ? '' : ','}${label}="${escape(labels[label] ?? '')}"`
  return printed === '' ? '' : `{${printed}}`
}

/** Prints the lines that come before the samples of a metric. */
export function printHead(name: string, help: string, type: MetricType, format: ExpositionFormat): string {
  // OpenMetrics names a counter without its `_total`, and knows none whose name has no such end.
  const isOpenCounter = type === 'counter' && format === 'application/openmetrics-text'
  const headed = isOpenCounter ? name.replace(/_total$/, '') : name
  return `# HELP ${headed} ${help}\n# TYPE ${headed} ${isOpenCounter && headed === name ? 'unknown' : type}\n`
}

/**
 * A metric whose samples are all replaced at once, and that prints itself. The library takes several times as long for each sample.
 */
export class ComputedMetric {
  readonly #name: string
  readonly #help: string
  readonly #type: MetricType
  /** The samples that are printed from now on. */
  samples: readonly Sample[] = []

  constructor(name: string, help: string, type: MetricType = 'gauge') {
    this.#name = name
    this.#help = help
    this.#type = type
  }

  print(format: ExpositionFormat): string {
    let text = printHead(this.#name, this.#help, this.#type, format)
    for (const { labels, value } of this.samples) text += `${this.#name}${printLabels(labels)} ${value}\n`
    return text
  }
}

const special = /["\\\n]/
const specials = /["\\\n]/g

function escape(text: string): string {
  return special.test(text) ? text.replaceAll(specials, (one) => (one === '\n' ? String.raw`\n` : `\\${one}`)) : text
}

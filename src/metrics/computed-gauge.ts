/** A sample: the values of its labels, and its own. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * A gauge whose samples are all replaced at once, and that prints itself. The library takes several times as long for each sample, which
 * would be most of a scrape with 10,000 pools.
 */
export class ComputedGauge {
  readonly #name: string
  readonly #help: string
  /** The samples that are told from now on. */
  samples: readonly Sample[] = []

  constructor(name: string, help: string) {
    this.#name = name
    this.#help = help
  }

  /** Prints the lines of the gauge, which are the same in the format of Prometheus and in OpenMetrics. */
  print(): string {
    const name = this.#name
    let text = `# HELP ${name} ${this.#help}\n# TYPE ${name} gauge\n`
    for (const { labels, value } of this.samples) {
      let printed = ''
      for (const label in labels) printed += `${printed === '' ? '' : ','}${label}="${escape(labels[label] ?? '')}"`
      text += `${name}${printed === '' ? '' : `{${printed}}`} ${value}\n`
    }
    return text
  }
}

const special = /["\\\n]/
const specials = /["\\\n]/g

function escape(text: string): string {
  return special.test(text) ? text.replaceAll(specials, (one) => (one === '\n' ? String.raw`\n` : `\\${one}`)) : text
}

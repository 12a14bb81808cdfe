import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { monitoringFolder, readMonitoringFile, readRules } from '../support/monitoring-files.ts'
import { findPromtool, pathOf, skipWithout } from '../support/prometheus.ts'

/** The rules, their tests, and the runbooks that they lead to. */

t.setTimeout(200_000)

const alerts = readRules().flatMap(({ alert, ...rule }) => (alert === undefined ? [] : [{ alert, ...rule }]))

/** A case of `rules.test.yaml`. */
interface RuleCase {
  readonly name: string
  readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[]
}

const promtool = await findPromtool()
const skip = skipWithout(promtool)

t.test('the rules are valid, and each alert fires when it should and only then', { skip }, async (t) => {
  for (const command of [
    ['check', 'rules', 'rules.yaml'],
    ['test', 'rules', 'rules.test.yaml'],
  ]) {
    const { failure, output } = await promisify(execFile)(pathOf(promtool), command, { cwd: monitoringFolder }).then(
      ({ stdout }) => ({ failure: undefined, output: stdout }),
      (error: unknown) => ({ failure: error, output: String(error) }),
    )
    t.equal(failure, undefined, command.join(' '))
    t.match(output, 'SUCCESS')
  }
})

t.test('there is a case in which each alert fires, and one in which it does not', (t) => {
  const { tests } = parse(readMonitoringFile('rules.test.yaml')) as { readonly tests: readonly RuleCase[] }
  const samplesOf = (name: string): readonly { readonly labels: string }[] | undefined =>
    tests.find((one) => one.name === name)?.promql_expr_test[0]?.exp_samples
  t.ok(alerts.length > 20)
  for (const { alert } of alerts) {
    t.match(samplesOf(`${alert} fires`), [{ labels: `{alertname="${alert}"}` }], alert)
    t.strictSame(samplesOf(`${alert} does not fire`), [], alert)
  }
  t.equal(tests.length, 2 * alerts.length)
  t.end()
})

t.test('each alert has a severity, a summary, and an entry in the runbooks, and each entry has an alert', (t) => {
  const page = readFileSync(new URL('../../docs/runbooks.md', import.meta.url), 'utf8')
  const entries = [...page.matchAll(/^### (\w+)\n(.*?)(?=^##|(?![^]))/gms)]
  for (const { alert, labels, annotations } of alerts) {
    t.match(labels?.['severity'], /^(critical|warning)$/, alert)
    t.match(annotations?.['summary'], /\.$/, alert)
    t.equal(annotations?.['runbook_url'], `docs/runbooks.md#${alert.toLowerCase()}`)
  }
  t.strictSame(
    entries.map(([, name]) => name),
    alerts.map(({ alert }) => alert),
    'in the same order',
  )
  for (const [, name = '', text = ''] of entries) {
    for (const part of ['**Means:**', '**Look:**']) t.ok(text.includes(part), `${name}: ${part}`)
    t.match(text, /\*\*[Dd]o:\*\*/, name)
  }
  t.end()
})

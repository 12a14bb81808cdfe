import { readFile, writeFile } from 'node:fs/promises'
import { type Dashboard, dataSource, layOut, type Section, type Variable } from './grafana.ts'

/**
 * Writes the dashboard for Grafana, `dashboard.json`. With `--check` it writes nothing, and fails if the file differs from what would be
 * written.
 */

/** The servers that are chosen. */
const servers = 'job="$job", instance=~"$instance"'

/** All servers tell the same of pools, so their figures are taken from any of them. */
const pools = 'job="$job", ippool=~"$ippool"'

/** The rate of a counter of the chosen servers, by some of its labels. */
function rate(counter: string, by: string, labels = ''): string {
  const selected = labels === '' ? servers : `${servers}, ${labels}`
  return `sum by (${by}) (rate(${counter}{${selected}}[$__rate_interval]))`
}

/** A quantile of a histogram of the chosen servers. */
function quantile(share: number, histogram: string, labels = ''): string {
  return `histogram_quantile(${share}, ${rate(`${histogram}_bucket`, 'le', labels)})`
}

const quantiles = (histogram: string, labels = ''): readonly (readonly [string, string])[] =>
  ([0.5, 0.9, 0.99] as const).map((share) => [`p${share * 100}`, quantile(share, histogram, labels)])

const sections: readonly Section[] = [
  {
    title: 'Overview',
    panels: [
      {
        title: 'Servers that are ready',
        type: 'stat',
        width: 4,
        queries: [['', `count(min by (instance) (ippoold_ready{${servers}}) == 1) or vector(0)`]],
        thresholds: [1, 1],
      },
      {
        title: 'Addresses held',
        type: 'stat',
        width: 4,
        queries: [['', `sum(max by (ippool) (ippoold_pool_addresses{${pools}, state="in_use"}))`]],
      },
      {
        title: 'Pools below 10 %',
        type: 'stat',
        width: 4,
        thresholds: [1, 5],
        queries: [
          [
            '',
            `count(min by (ippool) (ippoold_pool_addresses{${pools}, state="available"}) / max by (ippool) (ipam_ippool_size{${pools}}) < 0.1) or vector(0)`,
          ],
        ],
      },
      {
        title: 'Findings of the check',
        type: 'stat',
        width: 4,
        thresholds: [1, 100],
        queries: [['', `sum(max by (code) (ippoold_check_findings{job="$job"}))`]],
      },
      {
        title: 'First certificate ends in',
        type: 'stat',
        width: 4,
        unit: 's',
        thresholds: [1_209_600, 86_400],
        queries: [['', `min(ippoold_certificate_seconds_left{${servers}})`]],
      },
      {
        title: 'Database of etcd',
        type: 'stat',
        width: 4,
        unit: 'percentunit',
        thresholds: [0.6, 0.8],
        queries: [['', `max(ippoold_etcd_database_bytes{${servers}} / ippoold_etcd_quota_bytes{${servers}})`]],
      },
    ],
  },
  {
    title: 'Pools',
    panels: [
      {
        title: 'Fullest pools',
        type: 'bargauge',
        unit: 'percentunit',
        max: 1,
        thresholds: [0.8, 0.9],
        queries: [
          [
            '{{ippool}}',
            `topk(20, 1 - min by (ippool) (ippoold_pool_addresses{${pools}, state="available"}) / max by (ippool) (ipam_ippool_size{${pools}}))`,
          ],
        ],
      },
      {
        title: 'Time to exhaustion',
        description: 'If it goes on as in the last 6 hours. From the recording rules.',
        type: 'bargauge',
        unit: 's',
        thresholds: [604_800, 86_400],
        queries: [['{{ippool}}', `bottomk(20, ippoold:pool_exhaustion:seconds{${pools}})`]],
      },
      {
        title: 'Addresses by state',
        queries: [['{{state}}', `sum by (state) (max by (ippool, state) (ippoold_pool_addresses{${pools}}))`]],
      },
      {
        title: 'Assigned and released',
        unit: 'ops',
        queries: [
          ['assigned', rate('ippoold_addresses_assigned_total', 'job')],
          ['released', rate('ippoold_addresses_released_total', 'job')],
        ],
      },
      {
        title: 'Refusals',
        unit: 'ops',
        queries: [['{{reason}} {{ippool}}', rate('ippoold_refusals_total', 'reason, ippool')]],
      },
      {
        title: 'Nodes with most addresses',
        type: 'bargauge',
        queries: [['{{node}}', `topk(20, max by (node) (ipam_allocations_per_node{job="$job"}))`]],
      },
      {
        title: 'Borrowed addresses',
        queries: [
          ['{{ippool}}', `topk(10, sum by (ippool) (max by (ippool, node) (ipam_allocations_borrowed{${pools}})))`],
        ],
      },
      {
        title: 'Blocks',
        queries: [['{{ippool}}', `topk(10, sum by (ippool) (max by (ippool, node) (ipam_blocks{${pools}})))`]],
      },
      {
        title: 'Leaked addresses',
        queries: [
          ['{{ippool}}', `sum by (ippool) (max by (ippool, node) (ipam_allocations_gc_candidates{${pools}}))`],
          ['released by repairs', `sum(increase(ipam_allocations_gc_reclamations{${pools}}[1h]))`],
        ],
      },
    ],
  },
  {
    title: 'Requests',
    panels: [
      {
        title: 'Requests',
        unit: 'reqps',
        queries: [['{{method}} {{route}}', rate('ippoold_requests_total', 'method, route')]],
      },
      {
        title: 'Failures',
        unit: 'reqps',
        queries: [['{{status}} {{reason}}', rate('ippoold_requests_total', 'status, reason', 'status!~"2..|3.."')]],
      },
      {
        title: 'Time of an assign',
        unit: 's',
        queries: quantiles('ippoold_request_duration_seconds', 'route="/ipam/v1/assign"'),
      },
      {
        title: 'Calls in flight',
        queries: [
          ['{{instance}}', `ippoold_calls_in_flight{${servers}}`],
          ['limit of {{instance}}', `ippoold_calls_in_flight_limit{${servers}}`],
          ['waiting at {{instance}}', `ippoold_calls_waiting{${servers}}`],
        ],
      },
      {
        title: 'Overload',
        unit: 'reqps',
        queries: [
          ['refused early', rate('ippoold_requests_refused_early_total', 'job')],
          ['limited by {{limit}}', rate('ippoold_calls_limited_total', 'limit')],
        ],
      },
      { title: 'Waiting for own earlier calls', unit: 's', queries: quantiles('ippoold_call_wait_seconds') },
      { title: 'Callers', unit: 'reqps', queries: [['{{outcome}}', rate('ippoold_authentications_total', 'outcome')]] },
      {
        title: 'Refusals of rights',
        unit: 'reqps',
        queries: [
          ['{{reason}} {{verb}} {{resource}}', rate('ippoold_access_refusals_total', 'reason, verb, resource')],
        ],
      },
      { title: 'Access tokens', queries: [['{{state}}', `max by (state) (ippoold_access_tokens{${servers}})`]] },
      {
        title: 'Audit',
        unit: 'ops',
        queries: [
          ['written', rate('ippoold_audit_events_written_total', 'job')],
          ['dropped', rate('ippoold_audit_events_dropped_total', 'job')],
          ['failing at {{instance}}', `ippoold_audit_failing{${servers}}`],
        ],
      },
      {
        title: 'Watchers',
        queries: [
          ['{{instance}}', `ippoold_watchers{${servers}}`],
          ['ended {{ending}} a second', rate('ippoold_watchers_ended_total', 'ending')],
        ],
      },
      {
        title: 'Protections waived',
        type: 'table',
        queries: [['{{instance}} {{protection}}', `ippoold_protection_waived{${servers}} == 1`]],
      },
    ],
  },
  {
    title: 'Transactions',
    panels: [
      { title: 'Transactions', unit: 'ops', queries: [['{{outcome}}', rate('ippoold_transactions_total', 'outcome')]] },
      {
        title: 'Operations',
        unit: 'ops',
        queries: [
          ['{{outcome}}', rate('ippoold_operations_total', 'outcome')],
          ['again: {{reason}}', rate('ippoold_operations_retried_total', 'reason')],
        ],
      },
      { title: 'Operations in a transaction', queries: quantiles('ippoold_transaction_operations') },
      { title: 'From submit to commit', unit: 's', queries: quantiles('ippoold_operation_duration_seconds') },
      { title: 'Waiting to be planned', unit: 's', queries: quantiles('ippoold_operation_wait_seconds') },
      { title: 'Planning', unit: 's', queries: quantiles('ippoold_batch_plan_duration_seconds') },
      { title: 'Time of a transaction', unit: 's', queries: quantiles('ippoold_transaction_duration_seconds') },
      {
        title: 'Queue',
        queries: [
          ['waiting {{instance}}', `ippoold_operations_waiting{${servers}}`],
          ['pending {{instance}}', `ippoold_operations_pending{${servers}}`],
          ['in flight {{instance}}', `ippoold_transactions_in_flight{${servers}}`],
        ],
      },
      {
        title: 'Lost answers',
        unit: 'ops',
        queries: [['{{outcome}}', rate('ippoold_lost_answers_settled_total', 'outcome')]],
      },
    ],
  },
  {
    title: 'etcd',
    panels: [
      {
        title: 'Calls',
        unit: 'ops',
        queries: [['{{call}} {{outcome}}', rate('ippoold_etcd_requests_total', 'call, outcome')]],
      },
      {
        title: 'Time of a transaction in etcd',
        unit: 's',
        queries: quantiles('ippoold_etcd_request_duration_seconds', 'call="transaction"'),
      },
      {
        title: 'Size of the database',
        unit: 'bytes',
        queries: [
          ['{{endpoint}}', `max by (endpoint) (ippoold_etcd_database_bytes{${servers}})`],
          ['in use {{endpoint}}', `max by (endpoint) (ippoold_etcd_database_used_bytes{${servers}})`],
          ['quota {{endpoint}}', `max by (endpoint) (ippoold_etcd_quota_bytes{${servers}})`],
        ],
      },
      {
        title: 'Members',
        description: '1 if the member answers; 2 if it leads.',
        queries: [
          [
            '{{endpoint}}',
            `max by (endpoint) (ippoold_etcd_member_up{${servers}}) + (max by (endpoint) (ippoold_etcd_is_leader{${servers}}) or 0 * max by (endpoint) (ippoold_etcd_member_up{${servers}}))`,
          ],
          ['configured', `max(ippoold_etcd_members{${servers}})`],
          ['know a leader', `sum(max by (endpoint) (ippoold_etcd_has_leader{${servers}}))`],
        ],
      },
      { title: 'Alarms', queries: [['{{alarm}}', `max by (alarm) (ippoold_etcd_alarms{${servers}})`]] },
      { title: 'Watch lag', unit: 's', queries: quantiles('ippoold_watch_lag_seconds', 'watch="image"') },
      {
        title: 'Watches',
        unit: 'ops',
        queries: [
          ['opened {{watch}}', rate('ippoold_watch_opens_total', 'watch')],
          ['broken {{watch}}', rate('ippoold_watch_breaks_total', 'watch')],
          ['families read again', rate('ippoold_family_rereads_total', 'job')],
          ['put back', rate('ippoold_state_resets_total', 'job')],
        ],
      },
      {
        title: 'Values that cannot be read',
        unit: 'ops',
        queries: [['{{instance}}', rate('ippoold_unreadable_values_total', 'instance')]],
      },
    ],
  },
  {
    title: 'Memory and process',
    panels: [
      { title: 'Keys in memory', queries: [['{{family}}', `max by (family) (ippoold_image_keys{${servers}})`]] },
      {
        title: 'Bytes in memory',
        unit: 'bytes',
        queries: [['{{family}}', `max by (family) (ippoold_image_bytes{${servers}})`]],
      },
      {
        title: 'Journals',
        unit: 'bytes',
        queries: [
          ['{{journal}} {{instance}}', `ippoold_journal_bytes{${servers}}`],
          ['changes {{journal}} {{instance}}', `ippoold_journal_changes{${servers}}`],
          ['keys {{journal}} {{instance}}', `ippoold_journal_keys{${servers}}`],
        ],
      },
      {
        title: 'Processor',
        unit: 'percentunit',
        queries: [['{{instance}}', rate('process_cpu_seconds_total', 'instance')]],
      },
      {
        title: 'Resident memory',
        unit: 'bytes',
        queries: [['{{instance}}', `process_resident_memory_bytes{${servers}}`]],
      },
      {
        title: 'Event loop lag, p99',
        unit: 's',
        queries: [['{{instance}}', `nodejs_eventloop_lag_p99_seconds{${servers}}`]],
      },
      {
        title: 'Loading at the start',
        unit: 's',
        queries: [['{{family}}', `max by (family) (ippoold_family_load_seconds{${servers}})`]],
      },
      { title: 'Keys loaded', queries: [['{{family}}', `max by (family) (ippoold_family_load_keys{${servers}})`]] },
      {
        title: 'Versions',
        type: 'table',
        queries: [['', `count by (instance, version, node_version) (ippoold_build_info{${servers}})`]],
      },
    ],
  },
  {
    title: 'Upkeep and check',
    panels: [
      { title: 'Leader', queries: [['{{task}} {{instance}}', `ippoold_leader{${servers}}`]] },
      {
        title: 'Blocks',
        unit: 'ops',
        queries: [
          ['{{action}}', rate('ippoold_upkeep_blocks_total', 'action')],
          ['annexes removed', rate('ippoold_upkeep_annexes_removed_total', 'job')],
          ['charges returned', rate('ippoold_upkeep_charges_returned_total', 'job')],
        ],
      },
      {
        title: 'Rounds',
        unit: 's',
        queries: [
          ['took', `max(ippoold_upkeep_round_seconds{${servers}})`],
          ['since the last', `time() - max(ippoold_upkeep_last_success_timestamp_seconds{${servers}} > 0)`],
          ['{{outcome}} a second', rate('ippoold_upkeep_rounds_total', 'outcome')],
        ],
      },
      { title: 'Findings', queries: [['{{code}}', `max by (code) (ippoold_check_findings{job="$job"}) > 0`]] },
      {
        title: 'Check',
        unit: 's',
        queries: [
          ['took', 'max(ippoold_check_seconds{job="$job"})'],
          ['since the last', 'time() - max(ippoold_check_last_success_timestamp_seconds{job="$job"})'],
          ['failures in a day', 'sum(increase(ippoold_check_failures_total{job="$job"}[1d]))'],
        ],
      },
      {
        title: 'Certificates end in',
        unit: 's',
        type: 'bargauge',
        thresholds: [1_209_600, 86_400],
        queries: [['{{certificate}} {{instance}}', `ippoold_certificate_seconds_left{${servers}}`]],
      },
    ],
  },
]

function chosenFrom(name: string, label: string, query: string, isMany: boolean): Variable {
  const many = { includeAll: true, multi: true, allValue: '.*', current: { text: 'All', value: '$__all' } }
  return {
    name,
    label,
    type: 'query',
    datasource: dataSource,
    query: { query, refId: name },
    refresh: 2,
    ...(isMany && many),
  }
}

const dashboard: Dashboard = {
  uid: 'ippoold',
  title: 'ippoold',
  description: 'Written by deploy/monitoring/dashboard.ts: change that, not this.',
  tags: ['ippoold', 'ipam'],
  schemaVersion: 39,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
      chosenFrom('job', 'Job', 'label_values(ippoold_build_info, job)', false),
      chosenFrom('instance', 'Server', 'label_values(ippoold_build_info{job="$job"}, instance)', true),
      chosenFrom('ippool', 'Pool', 'label_values(ipam_ippool_size{job="$job"}, ippool)', true),
    ],
  },
  panels: layOut(sections),
}

const file = new URL('dashboard.json', import.meta.url)
const text = `${JSON.stringify(dashboard, null, 2)}\n`
if (!process.argv.includes('--check')) {
  await writeFile(file, text)
  process.stdout.write('deploy/monitoring/dashboard.json is written\n')
} else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
  process.stderr.write('deploy/monitoring/dashboard.json is outdated; run "npm run dashboard" and review the change\n')
  process.exitCode = 1
}

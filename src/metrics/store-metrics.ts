import type { Health, StoreFigures } from '../datastore/index.ts'
import { ComputedMetric, type ExpositionFormat, type Sample } from './exposition.ts'

/** The state of the store that each scrape prints. */
export interface StoreState extends StoreFigures {
  readonly health: Health
  /** Operations that have not ended. */
  readonly pending: number
}

/** A metric of the store, and how its samples follow from the state. */
interface StoreMetric {
  readonly metric: ComputedMetric
  readonly samplesOf: (state: StoreState) => readonly Sample[]
}

/** Metrics of the store's memory and queue, and of the members of etcd. */
export class StoreMetrics {
  readonly #metrics: readonly StoreMetric[] = [
    gauge('ippoold_ready', 'True (1) if the check of the readiness is passed.', ({ health }) =>
      health.checks.map(({ name, ok }) => ({ labels: { check: name }, value: Number(ok) })),
    ),
    single('ippoold_operations_pending', 'Operations that have not ended.', ({ pending }) => pending),
    single('ippoold_operations_waiting', 'Operations that wait to be planned.', ({ queue }) => queue.waiting),
    single('ippoold_transactions_in_flight', 'Transactions that etcd has not answered.', ({ queue }) => queue.inFlight),
    ofFamilies('ippoold_image_keys', 'Keys of a family in memory.', ({ keys }) => keys),
    ofFamilies('ippoold_image_bytes', 'Length of these keys, and of the values that are held.', ({ bytes }) => bytes),
    ofJournals('ippoold_journal_keys', 'Keys that a journal follows.', ({ keys }) => keys),
    ofJournals('ippoold_journal_changes', 'Changes that a journal remembers.', ({ changes }) => changes),
    ofJournals('ippoold_journal_bytes', 'Length of the values of these changes.', ({ bytes }) => bytes),
    single('ippoold_etcd_members', 'Members of etcd that are configured.', ({ members }) => members.length),
    ofMembers('ippoold_etcd_member_up', 'True (1) if the member of etcd answers.', ({ isAnswering }) => isAnswering),
    ofMembers('ippoold_etcd_has_leader', 'True (1) if the member knows a leader.', ({ hasLeader }) => hasLeader),
    ofMembers('ippoold_etcd_is_leader', 'True (1) if the member leads.', ({ isLeader }) => isLeader),
    ofMembers('ippoold_etcd_database_bytes', 'Size of the database.', ({ databaseBytes }) => databaseBytes),
    ofMembers('ippoold_etcd_database_used_bytes', 'Part of it in use.', ({ databaseUsedBytes }) => databaseUsedBytes),
    ofMembers('ippoold_etcd_quota_bytes', 'Largest size of the database.', ({ quotaBytes }) => quotaBytes),
    gauge('ippoold_etcd_alarms', 'Alarms that members of etcd have raised.', ({ members }) =>
      members.flatMap(({ endpoint, isAnswering, alarms }) =>
        (isAnswering ? alarmKinds : []).map((alarm) => ({
          labels: { endpoint, alarm },
          value: alarms.filter((raised) => raised === alarm).length,
        })),
      ),
    ),
  ]

  print(state: StoreState, format: ExpositionFormat): string {
    return this.#metrics
      .map(({ metric, samplesOf }) => {
        metric.samples = samplesOf(state)
        return metric.print(format)
      })
      .join('')
  }
}

/** The alarms of etcd: told as 0 while they are not raised, so that a rule can tell that from no answer. */
const alarmKinds = ['NOSPACE', 'CORRUPT']

function gauge(name: string, help: string, samplesOf: StoreMetric['samplesOf']): StoreMetric {
  return { metric: new ComputedMetric(name, help), samplesOf }
}

function single(name: string, help: string, valueOf: (state: StoreState) => number): StoreMetric {
  return gauge(name, help, (state) => [{ labels: {}, value: valueOf(state) }])
}

function ofFamilies(
  name: string,
  help: string,
  valueOf: (figures: StoreFigures['families'][number]) => number,
): StoreMetric {
  return gauge(name, help, ({ families }) =>
    families.map((figures) => ({ labels: { family: figures.family }, value: valueOf(figures) })),
  )
}

function ofJournals(
  name: string,
  help: string,
  valueOf: (figures: StoreFigures['journals'][number]) => number,
): StoreMetric {
  return gauge(name, help, ({ journals }) =>
    journals.map((figures) => ({ labels: { journal: figures.journal }, value: valueOf(figures) })),
  )
}

/** Makes a metric with a sample for each member. A figure that a member does not report has no sample. */
function ofMembers(
  name: string,
  help: string,
  valueOf: (figures: StoreFigures['members'][number]) => number | boolean | undefined,
): StoreMetric {
  return gauge(name, help, ({ members }) =>
    members.flatMap((figures) => {
      const value = valueOf(figures)
      return value === undefined ? [] : [{ labels: { endpoint: figures.endpoint }, value: Number(value) }]
    }),
  )
}

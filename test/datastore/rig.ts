import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import type { Test } from 'tap'
import { openEtcdStore } from '../../src/datastore/etcd/index.ts'
import { type Declaration, declare, logProbe, type Probe, type Store } from '../../src/datastore/index.ts'
import { type Family, type Key, type Listed, type Observer, type Plan, put, type View } from '../../src/plan/index.ts'

/** A family of whole numbers, each stored as its digits; anything else is broken. Every test takes a prefix of its own. */
export function numbersBelow(prefix: string, held: Family<number>['held']): Family<number> {
  return {
    name: prefix.split('/').at(-2) ?? prefix,
    prefix,
    held,
    part: 'record',
    decode: (_key, text) =>
      /^-?\d+$/.test(text) ? { ok: true, value: Number(text) } : { ok: false, problem: `${text} is not a number` },
    encode: String,
  }
}

export function keyOf(family: Family<number>, name: string): Key<number> {
  return { family, text: `${family.prefix}${name}` }
}

/** The number under `key`; 0 when there is none. */
export function numberAt(view: View, key: Key<number>): number {
  const lookup = view.get(key)
  return lookup.kind === 'value' ? lookup.value : 0
}

/** Adds one to the number under each key, and answers the last sum. */
export function increment(...keys: readonly Key<number>[]): (view: View) => Plan<number> {
  return (view) => {
    const sums = keys.map((key) => ({ key, sum: numberAt(view, key) + 1 }))
    return { answer: sums.at(-1)?.sum ?? 0, writes: sums.map(({ key, sum }) => put(key, sum)) }
  }
}

/** `name=value` of every entry, `name!` for one that cannot be read. */
export function summary(entries: readonly Listed<number>[]): string[] {
  return entries.map((entry) => {
    const name = entry.key.split('/').at(-1) ?? ''
    return entry.kind === 'value' ? `${name}=${entry.value}` : `${name}!`
  })
}

/** A line that the datastore has logged. */
export interface LogLine {
  readonly level: 'warn' | 'error'
  readonly message: string
  readonly details: object
}

export interface StoreOptions {
  readonly endpoints: readonly string[]
  readonly families: readonly Family<number>[]
  readonly observer?: Observer<number>
  readonly batchesInFlight?: number
  readonly batchOperationsMax?: number
  readonly queueLengthMax?: number
  readonly deadlineMs?: number
  readonly expirySeconds?: number
  /** Hears what it names, instead of the log. */
  readonly probe?: Partial<Probe>
  readonly login?: { readonly user: string; readonly password: string }
}

/** A store that is open, and what it has logged. */
export interface OpenedStore {
  readonly datastore: Store
  readonly logs: readonly LogLine[]
}

/** A datastore of numbers, closed with the test. */
export async function openStore(t: Test, options: StoreOptions): Promise<OpenedStore> {
  const logs: LogLine[] = []
  const log = (level: LogLine['level']) => (details: object, message: string) => {
    logs.push({ level, message, details })
  }
  const declarations = options.families.map((family): Declaration => declare(family, options.observer))
  const datastore = await openEtcdStore({
    connection: { endpoints: options.endpoints, ...options.login },
    declarations,
    limits: {
      batchesInFlight: options.batchesInFlight ?? 2,
      batchOperationsMax: options.batchOperationsMax ?? 128,
      queueLengthMax: options.queueLengthMax ?? 10_000,
      deadlineMs: options.deadlineMs ?? 10_000,
      expirySeconds: options.expirySeconds ?? 60,
    },
    probe: { ...logProbe({ warn: log('warn'), error: log('error') }), ...options.probe },
  })
  t.teardown(() => datastore.close(0))
  return { datastore, logs }
}

/** A client of etcd beside the datastore, for what another program does. Calls are sent once; one that fails throws. */
export function openEtcd(t: Test, endpoint: string): Etcd3 {
  const etcd = new Etcd3({ hosts: endpoint, faultHandling: { global: noop, host: () => noop } })
  t.teardown(() => etcd.close())
  return etcd
}

/** How often a key was written since its creation; 0 if it does not exist. Shows writes that were applied twice. */
export async function timesWritten(etcd: Etcd3, key: string): Promise<number> {
  const { kvs } = await etcd.kv.range({ key: Buffer.from(key) })
  return Number(kvs[0]?.version ?? 0)
}

/** The revision of the whole store: it grows by one with every transaction that writes. */
export async function revisionOf(etcd: Etcd3): Promise<number> {
  const { header } = await etcd.kv.range({ key: Buffer.from('/'), count_only: true })
  return Number(header.revision)
}

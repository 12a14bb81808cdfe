import type { Health, Outcome, Page, PageOptions, SubmitOptions } from '../../src/datastore/index.ts'
import type { ServedStore } from '../../src/http/index.ts'
import { blocks as blockFamily, BlockIndex } from '../../src/model/index.ts'
import type { Decodable, Family, Key, Listed, Lookup, Plan, View } from '../../src/plan/index.ts'
import { FakeView } from '../support/fake-view.ts'

/**
 * A datastore in memory, for tests of routes: plans run on a {@link FakeView} and are committed at once, one after the other.
 */
export class FakeStore implements ServedStore {
  readonly view = new FakeView()
  /** The index of blocks, kept as the datastore keeps it. */
  readonly blocks = new BlockIndex()
  /** What the last operation was submitted with. */
  lastOptions: SubmitOptions = {}
  /** Thrown by the next operations, when set. */
  fault: Error | undefined
  /** Operations that are under way, as far as the server is told. */
  pending = 0
  /** How long these wait, as far as the server is told. */
  waitedMs = 0
  state: Health = { ready: true, checks: [{ name: 'etcd', ok: true, message: 'answers' }] }

  submit<Answer>(plan: (view: View) => Plan<Answer>, options: SubmitOptions = {}): Promise<Outcome<Answer>> {
    this.lastOptions = options
    if (this.fault !== undefined) return Promise.reject(this.fault)
    const planned = plan(this.view)
    if (options.dryRun !== true) this.#commit(planned)
    return Promise.resolve({ answer: planned.answer, revision: this.view.revision })
  }

  /** Of the newest revision, whatever revision is asked for. */
  page<Value>(
    family: Decodable<Value>,
    { limit = 0, after = '', from = '', to, keys }: PageOptions = {},
  ): Promise<Page<Value>> {
    if (this.fault !== undefined) return Promise.reject(this.fault)
    const left = this.view
      .keys(family.prefix)
      .filter((key) => key > after && key >= from && (to === undefined || key <= to))
      .filter((key) => keys === undefined || keys.includes(key))
    const entries = left.slice(0, limit === 0 ? left.length : limit).map((key): Listed<Value> => {
      const decoded = family.decode(key, this.view.text(key) ?? '')
      return decoded.ok
        ? { key, kind: 'value', value: decoded.value, revision: this.view.revisionOf(key) }
        : { key, kind: 'unreadable', problem: decoded.problem, revision: this.view.revisionOf(key) }
    })
    return Promise.resolve({ entries, revision: this.view.revision, remaining: left.length - entries.length })
  }

  peek<Value>(key: Key<Value>): Lookup<Value> {
    return this.view.get(key)
  }

  peekAll<Value>(family: Family<Value>, prefix: string): readonly Listed<Value>[] {
    return this.view.list(family, 'hint', prefix)
  }

  /** Changes are told by a real etcd only. */
  follow(): Promise<never> {
    return Promise.reject(new Error('nobody can follow what lies in memory'))
  }

  health(): Health {
    return this.state
  }

  members(): Promise<readonly { readonly endpoint: string; readonly version: string }[]> {
    if (this.fault !== undefined) return Promise.reject(this.fault)
    return Promise.resolve([{ endpoint: 'http://127.0.0.1:2379', version: '3.5.16' }])
  }

  #commit(planned: Plan<unknown>): void {
    this.view.apply(planned)
    for (const { key } of planned.writes) {
      if (!key.text.startsWith(blockFamily.prefix)) continue
      this.blocks.changed(key.text, this.view.get({ family: blockFamily, text: key.text }))
    }
  }
}

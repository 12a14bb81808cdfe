import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'
import type { Test } from 'tap'

/** The value of a key. */
export interface StoredText {
  readonly text: string
  /** The mod revision, a decimal text as etcd gives it. */
  readonly revision: string
}

/** The keys that servers write to learn that their watch has told everything before: also for reads and refusals. */
const mark = /^\/ippoold\/v1\/slots\/[^/]+\/mark$/

/**
 * The keys of an etcd, with nothing of the server in between: for a test that looks at what is stored, or does what somebody else
 * might do. Calls are sent once; one that fails throws.
 */
export class EtcdKeys {
  readonly #etcd: Etcd3

  constructor(t: Test, endpoint: string) {
    this.#etcd = new Etcd3({
      hosts: endpoint,
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: { 'grpc.max_receive_message_length': -1 },
    })
    t.teardown(() => this.#etcd.close())
  }

  async get(key: string): Promise<StoredText | undefined> {
    const { kvs } = await this.#etcd.kv.range({ key: Buffer.from(key) })
    const [pair] = kvs
    return pair && { text: pair.value.toString(), revision: pair.mod_revision }
  }

  /** The text of every key below `prefix` but the marks, in the order of the keys. */
  async dump(prefix: string): Promise<Readonly<Record<string, string>>> {
    const all = await this.#etcd.getAll().prefix(prefix).strings()
    return Object.fromEntries(Object.entries(all).filter(([key]) => !mark.test(key)))
  }

  /** Every key but the marks, with the revision of its last change, in the order of the keys. */
  async changes(): Promise<Readonly<Record<string, string>>> {
    const { kvs } = await this.#etcd.getAll().prefix('/').exec()
    const changed = kvs.map((pair) => [pair.key.toString(), pair.mod_revision] as const)
    return Object.fromEntries(changed.filter(([key]) => !mark.test(key)))
  }

  /** Every key as it was at a revision: its text, and the revisions of its creation and its last change before. */
  async stateAt(revision: bigint): Promise<Readonly<Record<string, string>>> {
    const all = { key: Buffer.from('\0'), range_end: Buffer.from('\0'), revision: String(revision) }
    const { kvs } = await this.#etcd.kv.range(all)
    return Object.fromEntries(
      kvs.map((pair) => [
        pair.key.toString(),
        `${pair.create_revision} ${pair.mod_revision} ${pair.value.toString('base64')}`,
      ]),
    )
  }

  /** The revision of the whole store: it grows by one with every transaction that writes. */
  async revision(): Promise<bigint> {
    const { header } = await this.#etcd.kv.range({ key: Buffer.from('/'), count_only: true })
    return BigInt(header.revision)
  }

  /** Makes etcd forget all revisions before the present one. */
  async compact(): Promise<void> {
    await this.#etcd.kv.compact({ revision: String(await this.revision()), physical: true })
  }

  async put(key: string, text: string): Promise<void> {
    await this.#etcd.put(key).value(text)
  }

  /** Writes all in one transaction. */
  async putTogether(entries: Readonly<Record<string, string>>): Promise<void> {
    const puts = Object.entries(entries).map(([key, text]) => {
      return { request_put: { key: Buffer.from(key), value: Buffer.from(text) } }
    })
    await this.#etcd.kv.txn({ success: puts })
  }

  async putAll(entries: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, text] of Object.entries(entries)) await this.put(key, text)
  }

  /** Writes the key, or deletes it, if it is still at `revision`; '0': if it does not exist. True when it was done. */
  async change(key: string, revision: string, text: string | undefined): Promise<boolean> {
    const name = Buffer.from(key)
    const change =
      text === undefined
        ? { request_delete_range: { key: name } }
        : { request_put: { key: name, value: Buffer.from(text) } }
    const { succeeded } = await this.#etcd.kv.txn({
      compare: [{ target: 'Mod', result: 'Equal', key: name, mod_revision: revision }],
      success: [change],
    })
    return succeeded
  }

  async delete(key: string): Promise<void> {
    await this.#etcd.delete().key(key)
  }
}

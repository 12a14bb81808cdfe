import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Etcd3 } from 'etcd3'
import t, { type Test } from 'tap'
import { BackupFailure, takeBackup, verifyBackup } from '../../src/backup/index.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'

/** Takes backups of etcds with all kinds of contents, and verifies them. The commands are tested in test/e2e/backup.test.ts. */

async function openEtcd(t: Test): Promise<{ etcd: Etcd3; endpoint: string; file: string }> {
  const { endpoint } = await startEtcd(t)
  const etcd = new Etcd3({ hosts: endpoint })
  t.teardown(() => etcd.close())
  return { etcd, endpoint, file: join(await temporaryFolder(t), 'etcd.db') }
}

/** Puts keys in transactions of 100. */
async function putMany(etcd: Etcd3, count: number, size: number): Promise<void> {
  for (let first = 0; first < count; first += 100) {
    const success = Array.from({ length: Math.min(100, count - first) }, (_, index) => {
      return { request_put: { key: Buffer.from(`key-${first + index}`), value: Buffer.alloc(size, 'x') } }
    })
    await etcd.kv.txn({ success })
  }
}

const contents: readonly (readonly [name: string, fill: (etcd: Etcd3) => Promise<unknown>])[] = [
  ['nothing', () => Promise.resolve()],
  ['one key, in a bucket inside of its page', (etcd) => etcd.put('a').value('1').exec()],
  ['a deletion last', async (etcd) => [await etcd.put('a').value('1'), await etcd.delete().key('a')]],
  ['a value longer than a page', (etcd) => etcd.put('a').value('x'.repeat(100_000)).exec()],
  ['pages above pages', (etcd) => putMany(etcd, 20_000, 20)],
  ['megabytes, in several messages', (etcd) => putMany(etcd, 1_000, 10_000)],
]

for (const [name, fill] of contents) {
  t.test(`a backup has the revision and the keys of etcd: ${name}`, async (t) => {
    const { etcd, endpoint, file } = await openEtcd(t)
    await fill(etcd)
    const { header, count } = await etcd.kv.range({
      key: Buffer.from('\0'),
      range_end: Buffer.from('\0'),
      count_only: true,
    })
    const told: number[] = []
    const { manifest } = await takeBackup({ endpoints: [endpoint] }, file, (bytes) => told.push(bytes))
    t.match(manifest, { revision: header.revision, keys: Number(count) })
    const bytes = await readFile(file)
    t.equal(manifest?.sha256, createHash('sha256').update(bytes).digest('hex'))
    t.equal(told.at(-1), bytes.length, 'progress ends at the end')
    t.match(await verifyBackup(file, () => undefined), {
      revision: BigInt(header.revision),
      bytes: bytes.length,
      manifest,
    })
  })
}

t.test('a stream is a backup too', async (t) => {
  const { etcd, endpoint, file } = await openEtcd(t)
  await putMany(etcd, 1_000, 5_000)
  const stream = new PassThrough()
  const reading = buffer(stream)
  t.match(await takeBackup({ endpoints: [endpoint] }, stream, () => undefined), { manifest: undefined, atLeast: 11n })
  stream.end()
  await writeFile(file, await reading)
  t.match(await verifyBackup(file, () => undefined), { revision: 11n, manifest: undefined })
})

t.test('with users, root takes backups, and says why others cannot', async (t) => {
  const { etcd, endpoint, file } = await openEtcd(t)
  await etcd.role('ippoold').create()
  await (await etcd.user('ippoold').create('secret')).addRole('ippoold')
  await (await etcd.user('root').create('of root')).addRole((await etcd.role('root').create()).name)
  await etcd.auth.authEnable()
  const as = (user: string, password: string) =>
    takeBackup({ endpoints: [endpoint], user, password }, file, () => undefined)
  await t.rejects(as('ippoold', 'secret'), { kind: 'denied', message: /to root only/ })
  await t.rejects(as('root', 'wrong'), BackupFailure)
  await t.rejects(
    takeBackup({ endpoints: [endpoint] }, file, () => undefined),
    BackupFailure,
  )
  t.match(await as('root', 'of root'), { manifest: { etcd: { endpoint } } })
})

t.test('every byte of a backup counts', async (t) => {
  const { etcd, endpoint, file } = await openEtcd(t)
  await putMany(etcd, 100, 100)
  const { bytes } = await takeBackup({ endpoints: [endpoint] }, file, () => undefined)
  const whole = await readFile(file)
  for (const at of [0, 16, 4_096, Math.floor(bytes / 2), bytes - 33, bytes - 32, bytes - 1]) {
    const damaged = Buffer.from(whole)
    damaged[at] = 255 - (damaged[at] ?? 0)
    await writeFile(file, damaged)
    await t.rejects(
      verifyBackup(file, () => undefined),
      { kind: 'damaged', message: /checksum at its end/ },
      `byte ${at}`,
    )
  }
  const noDatabase = Buffer.alloc(512, 'x')
  const other = `${file}-other`
  await writeFile(other, Buffer.concat([noDatabase, createHash('sha256').update(noDatabase).digest()]))
  const verifying = verifyBackup(other, () => undefined)
  await t.rejects(verifying, { kind: 'damaged', message: /no database of etcd/ })
})

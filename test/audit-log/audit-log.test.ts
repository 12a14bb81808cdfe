import { appendFile, chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AuditLog, type AuditLogOptions } from '../../src/audit-log/index.ts'
import { silentProbe } from '../../src/datastore/index.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { until } from '../support/until.ts'

/** A log in a folder of its own, and what was said and counted about it. */
async function openLog(t: Test, changes: Partial<AuditLogOptions> = {}) {
  const folder = await temporaryFolder(t)
  const said: string[] = []
  const say = (_details: object, message: string): void => void said.push(message)
  let uids = 0
  const dropped: number[] = []
  const options: AuditLogOptions = {
    path: join(folder, 'audit.log'),
    whenFull: 'block',
    patienceMs: 10_000,
    sizeMaxBytes: 1_000_000,
    backupsMax: 0,
    ageMaxDays: 0,
    now: () => ({ nanoseconds: 1_794_812_345_678_901_234n }),
    newUid: () => `uid-${++uids}`,
    logger: { info: say, warn: say, error: say },
    probe: { ...silentProbe, auditEventsDropped: ({ events }) => void dropped.push(events) },
    ...changes,
  }
  const log = await AuditLog.open(options)
  t.teardown(() => log.close())
  return { log, folder, path: options.path, said, dropped }
}

async function linesBelow(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('audit')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return texts.flatMap((text) => text.split('\n').slice(0, -1))
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, number) => `line ${number}`)

t.test('what was written is in the file when the caller hears so, for its owner alone', async (t) => {
  const { log, path } = await openLog(t)
  t.equal(await log.write('a\n'), true)
  t.equal(await readFile(path, 'utf8'), 'a\n')
  await Promise.all(numbers(1_000).map(async (line) => log.write(`${line}\n`)))
  t.equal(await readFile(path, 'utf8'), ['a', ...numbers(1_000), ''].join('\n'), 'in order')
  t.equal((await stat(path)).mode & 0o777, 0o600)
})

t.test('a file that is too large is put aside; no line is lost, doubled or torn', async (t) => {
  const { log, folder } = await openLog(t, { sizeMaxBytes: 500 })
  for (let round = 0; round < 20; round++) {
    await Promise.all(numbers(50).map(async (line) => log.write(`${round} ${line}\n`)))
  }
  const names = (await readdir(folder)).toSorted()
  t.equal(names.at(-1), 'audit.log')
  t.ok(names.length >= 10, `${names.length} files`)
  t.ok(names.slice(0, -1).every((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/.test(name)))
  const expected = Array.from({ length: 20 }, (_, round) => numbers(50).map((line) => `${round} ${line}`)).flat()
  t.strictSame((await linesBelow(folder)).toSorted(), expected.toSorted())
})

t.test('files that were put aside are removed when they are too many or too old', async (t) => {
  const folder = await temporaryFolder(t)
  const old = ['audit-2020-01-01T00-00-00.000.log', 'audit-2020-01-02T00-00-00.000.log']
  const others = ['audit-2020-01-01T00-00-00.000.txt', 'audit-x.log', 'other-2020-01-01T00-00-00.000.log']
  for (const name of [...old, ...others]) await writeFile(join(folder, name), '')
  const { log } = await openLog(t, { path: join(folder, 'audit.log'), sizeMaxBytes: 10, backupsMax: 2, ageMaxDays: 30 })
  await until('the old ones to be removed', async () => {
    return (await readdir(folder)).some((name) => old.includes(name)) ? undefined : true
  })
  for (const line of numbers(6)) await log.write(`${line} 12345\n`)
  const backups = async () => (await readdir(folder)).filter((name) => /^audit-2.*log$/.test(name)).length
  await until('the newest to be left', async () => (await backups()) === 2 || undefined)
  const left = await readdir(folder)
  t.ok(others.every((name) => left.includes(name)))
  t.match(await readFile(join(folder, 'audit.log'), 'utf8'), 'line 5')
})

t.test('a file that somebody moves or removes is begun anew without a signal', async (t) => {
  const { log, folder, path } = await openLog(t)
  await log.write('a\n')
  await rename(path, join(folder, 'audit.log.1'))
  await until('a new file', async () => {
    await log.write('b\n')
    return (await readdir(folder)).includes('audit.log') || undefined
  })
  t.match(await readFile(join(folder, 'audit.log.1'), 'utf8'), /^a\n(b\n)*$/)
  t.match(await readFile(path, 'utf8'), /^(b\n)+$/)
})

t.test('a line that was cut off by the end of a process stays alone', async (t) => {
  const folder = await temporaryFolder(t)
  const path = join(folder, 'audit.log')
  await appendFile(path, '{"whole":1}\n{"cut')
  const { log } = await openLog(t, { path })
  await log.write('{"new":1}\n')
  t.equal(await readFile(path, 'utf8'), '{"whole":1}\n{"cut\n{"new":1}\n')
})

t.test('block: nobody may begin until what failed is written', async (t) => {
  const { log, path, said } = await openLog(t, { path: '/dev/full' })
  t.equal(log.problem, undefined)
  const written = log.write('a\n')
  await until('the failure', () => log.problem !== undefined || undefined)
  t.match(log.problem, /ENOSPC/)
  t.match(said, [/cannot be written; calls are refused/])
  t.equal(path, '/dev/full')
  let isOver = false
  void written?.then(() => {
    isOver = true
  })
  t.equal(isOver, false)
})

t.test('block: a caller waits for so long only', async (t) => {
  const { log } = await openLog(t, { path: '/dev/full', patienceMs: 300 })
  t.equal(await log.write('a\n'), false)
})

t.test('block: what could not be written is written when it can be', async (t) => {
  const { log, folder, path, said } = await openLog(t, { sizeMaxBytes: 1 })
  await log.write('a\n')
  // The next line needs a new file, and there is no place for one.
  const aside = `${folder}-aside`
  await rename(folder, aside)
  t.teardown(() => rm(aside, { recursive: true, force: true }))
  const written = log.write('b\n')
  await until('the failure', () => log.problem !== undefined || undefined)
  await mkdir(folder)
  await chmod(folder, 0o755)
  t.equal(await written, true)
  t.equal(log.problem, undefined)
  t.equal(await readFile(path, 'utf8'), 'b\n')
  t.match(said, [/cannot be written/, /can be written again/])
})

t.test('drop: nobody waits, and what is too much is dropped and counted', async (t) => {
  const { log, dropped, said } = await openLog(t, { path: '/dev/full', whenFull: 'drop' })
  const line = `${'x'.repeat(1_000_000)}\n`
  for (let number = 0; number < 40; number++) {
    t.equal(log.write(line), undefined)
    if (number === 0) await until('the failure', () => said.length > 0 || undefined)
  }
  t.equal(log.problem, undefined, 'calls go on')
  t.match(said, [/events will be dropped/])
  t.ok(dropped.length > 10 && dropped.length < 40, `${dropped.length} of 40`)
})

t.test('calls without events are counted once a second', async (t) => {
  const { log, path } = await openLog(t)
  log.miss('refused-at-limit', 2)
  log.miss('refused-at-limit', 3)
  const text = await until('their event', async () => (await readFile(path, 'utf8')) || undefined)
  t.match(JSON.parse(text), { auditID: 'uid-1', annotations: { 'ippoold.io/calls-refused-at-limit': '5' } })
  log.miss('dropped', 1)
  await until('the next event', async () => (await readFile(path, 'utf8')).includes('calls-dropped') || undefined)
})

t.test('a log that cannot be opened is told at once', async (t) => {
  const folder = await temporaryFolder(t)
  await t.rejects(openLog(t, { path: join(folder, 'none', 'audit.log') }), { code: 'ENOENT' })
  await t.rejects(openLog(t, { path: folder }), { code: 'EISDIR' })
})

import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RenewedFile } from '../../src/authentication/renewed-file.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { until } from '../support/until.ts'

async function rig(t: Test) {
  const path = join(await temporaryFolder(t), 'file')
  const taken: string[] = []
  const problems: unknown[] = []
  const take = (text: string): void => {
    if (text.startsWith('bad')) throw new Error(`${text} is bad`)
    taken.push(text)
  }
  const logger = {
    info: () => undefined,
    warn: ({ problem }: { readonly problem?: unknown }) => problems.push(problem),
  }
  return { path, taken, problems, take, logger }
}

t.test('a file that changes is taken over, and a bad one is reported once', async (t) => {
  const { path, taken, problems, take, logger } = await rig(t)
  await writeFile(path, 'one')
  const file = await RenewedFile.open(path, take, logger)
  t.teardown(() => file.close())
  t.strictSame(taken, ['one'])
  await writeFile(path, 'two')
  await until('a change is told', () => taken[1])
  await writeFile(path, 'bad')
  await until('a change is told', () => problems[0])
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  t.strictSame(problems, ['bad is bad'])
  t.strictSame(taken, ['one', 'two'], 'the old content stays')
  await rm(path)
  await until('a change is told', () => problems[1])
  t.match(problems[1], /ENOENT/)
  await writeFile(path, 'three')
  await until('a change is told', () => taken[2])
  t.strictSame(taken, ['one', 'two', 'three'])
})

t.test('a link that is replaced, as a mounted secret is, is followed', async (t) => {
  const { path, taken, take, logger } = await rig(t)
  await writeFile(`${path}-1`, 'one')
  await writeFile(`${path}-2`, 'two')
  await symlink(`${path}-1`, path)
  const file = await RenewedFile.open(path, take, logger)
  t.teardown(() => file.close())
  await symlink(`${path}-2`, `${path}-new`)
  await rename(`${path}-new`, path)
  await until('a change is told', () => taken[1])
  t.strictSame(taken, ['one', 'two'])
})

t.test('a file that cannot be read or used at first is an error', async (t) => {
  const { path, take, logger } = await rig(t)
  await t.rejects(RenewedFile.open(path, take, logger), { message: /ENOENT/ })
  await writeFile(path, 'bad')
  await t.rejects(RenewedFile.open(path, take, logger), { message: 'bad is bad' })
})

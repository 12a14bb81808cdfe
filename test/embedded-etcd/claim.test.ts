import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { claimDirectory, type DirectoryClaim } from '../../src/embedded-etcd/claim.ts'
import { identify } from '../../src/embedded-etcd/processes.ts'
import { temporaryFolder } from '../support/etcd.ts'

async function claim(directory: string): Promise<DirectoryClaim> {
  const outcome = await claimDirectory(directory)
  if (!outcome.ok) throw new Error(`Process ${outcome.ownerPid} has the directory.`)
  return outcome.claim
}

t.test('a directory is claimed once, until it is given back', async (t) => {
  const directory = await temporaryFolder(t)
  const first = await claim(directory)
  t.strictSame(await claimDirectory(directory), { ok: false, ownerPid: process.pid })
  await first.release()
  const second = await claim(directory)
  t.strictSame(await claimDirectory(directory), { ok: false, ownerPid: process.pid })
  await second.release()
  t.equal((await readdir(directory)).length, 1, 'nothing heaps up')
})

t.test('directories are claimed independently', async (t) => {
  const [one, other] = [await temporaryFolder(t), await temporaryFolder(t)]
  await claim(one)
  await t.resolves(claim(other))
})

t.test('a claim ends with its process, and the next user of its process id does not inherit it', async (t) => {
  const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(ended, 'exit')
  const owners: [string, string][] = [
    ['its process has ended', JSON.stringify({ pid: ended.pid, start: 'some time' })],
    ['its process id is another process', JSON.stringify({ pid: process.pid, start: 'at another time' })],
    ['the machine crashed while it was written', ''],
    ['it is something else', '{"pid":"1"}'],
  ]
  for (const [name, content] of owners) {
    const directory = await temporaryFolder(t)
    await writeFile(join(directory, 'owner.41.json'), content)
    const taken = await claim(directory)
    t.strictSame(await readdir(directory), ['owner.42.json'], name)
    await taken.release()
  }
})

t.test('a claim of a running process holds, whatever older claims say', async (t) => {
  const directory = await temporaryFolder(t)
  await writeFile(join(directory, 'owner.9.json'), JSON.stringify({ pid: 0, start: '' }))
  await writeFile(join(directory, 'owner.10.json'), JSON.stringify(identify(process.pid)))
  t.strictSame(await claimDirectory(directory), { ok: false, ownerPid: process.pid })
})

t.test('of many processes that want to succeed a dead owner at once, one does', async (t) => {
  const directory = await temporaryFolder(t)
  await writeFile(join(directory, 'owner.1.json'), JSON.stringify({ pid: 0, start: '' }))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const program = `
    import { claimDirectory } from './src/embedded-etcd/claim.ts'
    process.stdin.once('data', async () => {
      console.log((await claimDirectory(${JSON.stringify(directory)})).ok)
      setInterval(() => {}, 1000)
    })
    console.log('ready')
  `
  const { NODE_OPTIONS: _, ...env } = process.env
  const contenders = Array.from({ length: 6 }, () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: root,
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    return child
  })
  await Promise.all(contenders.map((child) => once(child.stdout, 'data')))
  const answers = contenders.map((child) => once(child.stdout, 'data'))
  for (const child of contenders) child.stdin.write('go')
  const outcomes = (await Promise.all(answers)).map(([answer]) => String(answer).trim())
  t.strictSame(outcomes.toSorted(), ['false', 'false', 'false', 'false', 'false', 'true'])
})

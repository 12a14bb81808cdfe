import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { newMemberName } from '../../src/embedded-etcd/member.ts'
import {
  endProcess,
  findProcess,
  hasCommandLine,
  hasEnded,
  identify,
  isRunning,
  sendSignal,
} from '../../src/embedded-etcd/processes.ts'

/** A process that runs some code, and says when it has got there. */
async function start(t: Test, code: string, ...args: string[]): Promise<ChildProcess & { pid: number }> {
  const script = `${code}; setInterval(() => {}, 1000); process.stdout.write('ready')`
  const child = spawn(process.execPath, ['-e', script, '--', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const { pid } = child
  if (pid === undefined) throw new Error('The process has no id.')
  return Object.assign(child, { pid })
}

t.test('a process is the same until it ends, and another one under the same id is not', async (t) => {
  const child = await start(t, '')
  const identity = identify(child.pid)
  if (identity === undefined) throw new Error('The process is not found.')
  t.strictSame(identify(child.pid), identity)
  t.ok(isRunning(identity))
  t.notOk(isRunning({ ...identity, start: 'at another time' }))
  t.not(identify(process.pid)?.start, undefined)

  sendSignal({ ...identity, start: 'at another time' }, 'SIGKILL')
  t.notOk(await hasEnded(identity, 50), 'a signal for its predecessor does not reach it')
  sendSignal(identity, 'SIGKILL')
  t.ok(await hasEnded(identity, 5_000))
  t.equal(identify(child.pid), undefined)
  sendSignal(identity, 'SIGKILL')
})

t.test('a process that has ended and was not asked for its exit code is not running', async (t) => {
  // The shell leaves a child behind and turns into a program that does not know of it.
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => parent.kill('SIGKILL'))
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer]
  const child = identify(Number(printed.toString()))
  if (child === undefined) throw new Error('The child ended too soon.')
  t.ok(await hasEnded(child, 5_000))
})

t.test('a process is found by its arguments, each as a whole', async (t) => {
  const name = newMemberName()
  const child = await start(t, '', `--name=${name}`, '--data-dir=a/b')
  t.equal(findProcess([`--name=${name}`, '--data-dir=a/b'])?.pid, child.pid)
  t.equal(findProcess([`--name=${name}`])?.pid, child.pid)
  const identity = identify(child.pid)
  t.ok(identity && hasCommandLine(identity, child.spawnargs))
  t.notOk(identity && hasCommandLine(identity, child.spawnargs.slice(0, -1)))
  t.equal(findProcess([`--name=${name}`, '--data-dir=a']), undefined)
  t.equal(findProcess([`--name=${name.slice(0, -1)}`]), undefined)
  t.equal(findProcess([`--name=${newMemberName()}`]), undefined)
})

t.test('a process that does not heed SIGTERM is killed after the time allowed', async (t) => {
  const stubborn = await start(t, "process.on('SIGTERM', () => {})")
  const identity = identify(stubborn.pid)
  if (identity === undefined) throw new Error('The process is not found.')
  await endProcess(identity, 200)
  t.notOk(isRunning(identity))
  t.equal(stubborn.signalCode ?? (await once(stubborn, 'exit'))[1], 'SIGKILL')
})

t.test('a process that heeds SIGTERM has the time to finish', async (t) => {
  const polite = await start(t, "process.on('SIGTERM', () => setTimeout(() => process.exit(7), 100))")
  const identity = identify(polite.pid)
  if (identity === undefined) throw new Error('The process is not found.')
  const exited = once(polite, 'exit')
  await endProcess(identity, 5_000)
  t.equal((await exited)[0], 7)
})

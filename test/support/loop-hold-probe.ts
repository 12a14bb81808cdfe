import { rmSync, renameSync, writeFileSync } from 'node:fs'

/**
 * Runs inside of a server under test, by `--import`. Measures how much CPU the main thread uses between two turns of the event loop, while
 * nothing else of the process can run. On SIGWINCH it writes the longest hold so far into the file that LOOP_HOLD_FILE names, with the CPU
 * of the process, and begins anew.
 */

const file = process.env['LOOP_HOLD_FILE'] ?? ''
let longest = 0
let before = threadCpu()
let begun = process.cpuUsage()

const timer = setInterval(() => {
  const now = threadCpu()
  longest = Math.max(longest, now - before)
  before = now
}, 1)
timer.unref()

process.on('SIGWINCH', () => {
  const { user, system } = process.cpuUsage(begun)
  rmSync(file, { force: true })
  writeFileSync(`${file}.new`, JSON.stringify({ longestMs: longest / 1_000, cpuMs: (user + system) / 1_000 }))
  renameSync(`${file}.new`, file)
  longest = 0
  begun = process.cpuUsage()
})

/** Microseconds of CPU that this thread has used. */
function threadCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

import { randomInt } from 'node:crypto'
import t from 'tap'
import { isAll } from '../support/volume.ts'
import { runFaults } from './harness.ts'

// Every run has a seed of its own; FAULTS_SEED repeats one. Long enough for every kind of fault to come once.
const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(2 ** 31))
const settings = { durationMs: isAll ? 100_000 : 60_000, servers: 2, callers: 16 }

// Other tests judge how fast a machine with nothing else to do recovers.
const patienceMs = 180_000

t.test(`all promises hold under faults: FAULTS_SEED=${seed}`, async (t) => {
  const { problems } = await runFaults({ ...settings, seed, patienceMs }, (line) => {
    t.comment(line)
  })
  t.strictSame(problems, [])
})

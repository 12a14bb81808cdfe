import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runFaults } from './harness.ts'

const { values } = parseArgs({
  options: {
    duration: { type: 'string', default: '120' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    servers: { type: 'string', default: '2' },
    callers: { type: 'string', default: '16' },
    pools: { type: 'string', default: '0' },
  },
})
const numbers = {
  duration: Number(values.duration),
  seed: Number(values.seed),
  servers: Number(values.servers),
  callers: Number(values.callers),
  strangerPools: Number(values.pools),
}
if (!Object.values(numbers).every((number) => Number.isSafeInteger(number) && number >= 0)) {
  throw new Error('duration (in seconds), seed, servers, callers and pools are whole numbers')
}
const { duration, ...rest } = numbers
const { problems } = await runFaults({ ...rest, durationMs: duration * 1_000, patienceMs: 30_000 }, (line) =>
  process.stdout.write(`${line}\n`),
)
process.exitCode = problems.length === 0 ? 0 : 1

import { randomUUID } from 'node:crypto'
import { newSecret } from '../../src/authentication/index.ts'
import { openEtcdStore } from '../../src/datastore/etcd/index.ts'
import { declare, silentProbe } from '../../src/datastore/index.ts'
import { buildServer } from '../../src/http/index.ts'
import {
  accessPolicies,
  accessTokens,
  affinities,
  annexes,
  BlockIndex,
  blocks,
  ChargeIndex,
  charges,
  clusterInformations,
  handles,
  ipamConfigs,
  nodes,
  pools,
  quotas,
  reservations,
  storedAnswers,
  virtualAffinities,
  workloadEndpoints,
} from '../../src/model/index.ts'
import { resourceKinds } from '../../src/resources/index.ts'
import { Collection } from '../../src/upkeep/index.ts'
import { gateBy, policyOf, type WrittenRule } from './rights.ts'

/**
 * A program: the server on the etcd that the first argument names, for callers whom {@link gateBy} believes. The second argument is
 * JSON: for each group the rules of its policy, which has the name of the group. Prints its URL once it serves.
 */

const [endpoint = '', written = '{}'] = process.argv.slice(2)
const rules = JSON.parse(written) as Record<string, readonly WrittenRule[]>

let last = 0n
const now = (): { readonly nanoseconds: bigint } => {
  const nanoseconds = BigInt(Date.now()) * 1_000_000n
  last = nanoseconds > last ? nanoseconds : last + 1n
  return { nanoseconds: last }
}
const index = new BlockIndex()
const chargeIndex = new ChargeIndex()
const store = await openEtcdStore({
  connection: { endpoints: [endpoint] },
  declarations: [
    declare(blocks, index),
    declare(affinities),
    declare(virtualAffinities),
    declare(handles),
    declare(ipamConfigs),
    declare(pools),
    declare(reservations),
    declare(nodes),
    declare(annexes),
    declare(workloadEndpoints),
    declare(clusterInformations),
    declare(storedAnswers),
    declare(quotas),
    declare(charges, chargeIndex),
    declare(accessPolicies),
    declare(accessTokens),
  ],
  limits: {
    batchOperationsMax: 128,
    batchesInFlight: 4,
    queueLengthMax: 10_000,
    deadlineMs: 30_000,
    expirySeconds: 600,
  },
})
const collection = new Collection({
  blocks: index,
  charges: chargeIndex,
  kinds: resourceKinds(index),
  now,
  logger: {
    info: () => undefined,
    warn: (details, message) => void process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
  },
  probe: silentProbe,
  intervalSeconds: 1,
  graceSeconds: 0,
})
collection.start(store)
const app = buildServer({
  store,
  blocks: index,
  charges: chargeIndex,
  now,
  newUid: () => randomUUID(),
  newSecret,
  version: '0.0.0',
  metrics: { read: () => Promise.reject(new Error('There are no metrics here.')) },
  bodyLimitBytes: 1024 * 1024,
  deadlineMs: 30_000,
  callsMax: 10_000,
  gatekeeper: gateBy(Object.entries(rules).map(([group, own]) => policyOf(group, [group], own))),
  logger: false,
})
process.stdout.write(`serves ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)

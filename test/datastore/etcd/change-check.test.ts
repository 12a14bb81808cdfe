import {
  EtcdPermissionDeniedError,
  GRPCDeadlineExceededError,
  GRPCResourceExhastedError,
  GRPCUnavailableError,
  GRPCUnknownError,
} from 'etcd3'
import t from 'tap'
import { judge } from '../../../src/datastore/etcd/change-check.ts'
import { startEtcd } from '../../support/etcd.ts'
import { until } from '../../support/until.ts'
import { increment, keyOf, numbersBelow, openEtcd, openStore, revisionOf } from '../rig.ts'

t.test('the outcome of the check says whether changes can be made', (t) => {
  const full = new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded')
  const busy = new GRPCResourceExhastedError('8 RESOURCE_EXHAUSTED: etcdserver: too many requests')
  const denied = new EtcdPermissionDeniedError('7 PERMISSION_DENIED: etcdserver: permission denied')
  const late = new GRPCDeadlineExceededError('4 DEADLINE_EXCEEDED: Deadline exceeded after 3.000s')
  const unagreed = new GRPCUnknownError('14 UNAVAILABLE: etcdserver: request timed out')
  const cut = new GRPCUnavailableError('14 UNAVAILABLE: Connection dropped')
  const cases = [
    [
      'refused for a cause that has a remedy',
      'refused',
      full,
      { kind: 'impossible', why: /^The database of etcd is full\. Raise/ },
    ],
    [
      'refused for another cause',
      'refused',
      busy,
      { kind: 'impossible', why: 'etcd refuses them: 8 RESOURCE_EXHAUSTED: etcdserver: too many requests' },
    ],
    ['a right is missing', 'refused', denied, { kind: 'denied' }],
    [
      'no answer in time, although etcd answers reads',
      'lost',
      late,
      { kind: 'impossible', why: /does not carry them out in time/ },
    ],
    [
      'the members do not agree in time',
      'lost',
      unagreed,
      { kind: 'impossible', why: /does not carry them out in time/ },
    ],
    ['the connection broke', 'lost', cut, { kind: 'unknown' }],
    ['there was no connection', 'unsent', cut, { kind: 'unknown' }],
    ['there was no connection in time', 'unsent', late, { kind: 'unknown' }],
  ] as const
  for (const [name, kind, error, verdict] of cases) t.match(judge({ kind, error }), verdict, name)
  t.end()
})

t.test('the check changes nothing, also if a key has the name that it tries', async (t) => {
  const etcd = await startEtcd(t)
  const keys = openEtcd(t, etcd.endpoint)
  const family = numbersBelow('/checked/', 'values')
  await keys.put('/checked/').value('7')
  const before = await revisionOf(keys)
  const { datastore } = await openStore(t, { endpoints: [etcd.endpoint], families: [family] })
  await until('the server to be ready', () => datastore.health().ready || undefined)
  t.match(
    datastore.health().checks.find(({ name }) => name === 'changes'),
    { ok: true, message: 'can be made' },
  )
  t.equal(await revisionOf(keys), before)
  t.equal(await keys.get('/checked/').string(), '7')
  t.equal((await datastore.submit(increment(keyOf(family, 'a')))).answer, 1)
})

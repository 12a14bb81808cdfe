import t from 'tap'
import { readCheckTerms } from '../../../src/ipam/index.ts'
import { CheckWorld, now } from '../../support/check-world.ts'

async function found(world: CheckWorld): Promise<readonly string[]> {
  const { findings } = await readCheckTerms(world.source, now)
  return findings.map(({ code, subject, message }) => [code, subject ?? [], message].flat().join(' | '))
}

t.test('pools and nodes are what everything else is checked against', async (t) => {
  const world = new CheckWorld()
  world.putNode('node-1')
  world.view.putText('/calico/resources/v3/projectcalico.org/nodes/node-2', 'broken')
  const terms = await readCheckTerms(world.source, now)
  t.strictSame(
    terms.pools.map(({ name }) => name),
    ['pool-a'],
  )
  t.ok(terms.arePoolsComplete)
  t.strictSame([...terms.nodes], ['node-1', 'node-2'], 'a node that cannot be read is registered')
  t.strictSame(
    terms.findings.map(({ code }) => code),
    ['Unreadable'],
  )
  world.view.putText('/calico/resources/v3/projectcalico.org/ippools/pool-b', '{}')
  t.notOk((await readCheckTerms(world.source, now)).arePoolsComplete)
})

t.test('a policy that cannot be read allows nothing, and is told with the field', async (t) => {
  const world = new CheckWorld()
  const store = (name: string, rule: object): void => {
    const spec = {
      subjects: [{ kind: 'Group', name: 'blue' }],
      rules: [{ verbs: ['get'], resources: ['ippools'] }, rule],
    }
    world.view.putText(`/ippoold/v1/accesspolicies/${name}`, JSON.stringify({ metadata: { name }, spec }))
  }
  store('good', { verbs: ['*'], resources: ['*'], poolSelector: 'all()' })
  store('newer', { verbs: ['*'], resources: ['*'], nodes: ['n1'] })
  store('selector', { verbs: ['*'], resources: ['*'], poolSelector: 'team ==' })
  const { findings } = await readCheckTerms(world.source, now)
  t.match(findings, [
    { code: 'Unreadable', key: '/ippoold/v1/accesspolicies/newer', message: /spec\.rules\[1\]\.nodes/ },
    { code: 'Unreadable', key: '/ippoold/v1/accesspolicies/selector', message: /spec\.rules\[1\]\.poolSelector/ },
  ])
  t.match(
    findings.map(({ message }) => message),
    [/It allows nothing until then\.$/, /It allows nothing until then\.$/],
  )
  t.equal(findings.length, 2)
})

for (const [config, expected] of [
  ['{"auto_allocate_blocks":true}', []],
  ['{"strict_affinity":true,"maxBlocksPerHost":1000000,"ipCooldownSeconds":1200}', []],
  ['{}', ['both off']],
  ['{"auto_allocate_blocks":true,"maxBlocksPerHost":1}', ['strict_affinity is off']],
  ['{"strict_affinity":true,"maxBlocksPerHost":1000001}', ['maxBlocksPerHost is 1000001']],
  ['{"strict_affinity":true,"maxBlocksPerHost":-1}', ['maxBlocksPerHost is -1']],
  ['{"strict_affinity":true,"ipCooldownSeconds":1201}', ['ipCooldownSeconds is 1201']],
  ['{"strict_affinity":true,"ipCooldownSeconds":-1}', ['ipCooldownSeconds is -1']],
] as const) {
  t.test(`the configuration ${config} has ${expected.length} faults`, async (t) => {
    const world = new CheckWorld()
    world.view.putText('/calico/ipam/v2/config', config)
    const faults = await found(world)
    t.equal(faults.length, expected.length)
    for (const [index, part] of expected.entries()) t.ok(faults[index]?.includes(part), part)
  })
}

t.test('selectors that cannot be read, and pools that share addresses', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-b', {
    cidr: '10.0.0.128/25',
    nodeSelector: 'a =',
    allowedUses: ['Workload'],
  })
  world.putResource('IPPool', 'ippools', 'pool-c', { cidr: '10.0.1.0/24', namespaceSelector: 'b' })
  const faults = await found(world)
  t.match(faults, [
    /^SelectorInvalid \| nodeSelector \| nodeSelector: /,
    /^SelectorInvalid \| namespaceSelector \| namespaceSelector: /,
    /^PoolsOverlap \| pool-a \| 10\.0\.0\.128\/25 shares addresses with 10\.0\.0\.0\/24 of the pool pool-a/,
  ])
  t.equal(faults.length, 3)
})

t.test('fields of pools that cannot be used, each with its value and what would be right', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-b', { cidr: '10.64.0.0/10', blockSize: 1e9, natOutgoing: 'yes' })
  world.putResource('IPPool', 'ippools', 'pool-c', { cidr: '10.0.1.0/29', blockSize: 28, disabled: true })
  t.strictSame(await found(world), [
    'PoolFieldInvalid | natOutgoing | spec.natOutgoing: expected true or false, found "yes". Until it is corrected, the pool assigns no addresses.',
    'PoolFieldInvalid | blockSize | spec.blockSize: expected a prefix length from 20 to 32, found 1000000000. Until it is corrected, the pool assigns no addresses.',
  ])
})

t.test('entries of reservations that reserve nothing', async (t) => {
  const world = new CheckWorld()
  const reservedCIDRs = ['10.0.0.0/30', ' 10.0.0.9 ', '', null, '10.0.0.0/33', 'fd00::/12x']
  world.putResource('IPReservation', 'ipreservations', 'r', { reservedCIDRs })
  world.putResource('IPReservation', 'ipreservations', 's', {})
  const empty = { kind: 'IPReservation', apiVersion: 'projectcalico.org/v3', metadata: { name: 'u' } }
  world.view.putText('/calico/resources/v3/projectcalico.org/ipreservations/u', JSON.stringify(empty))
  t.strictSame(await found(world), [
    'ReservationEntryInvalid | 10.0.0.0/33 | "10.0.0.0/33" reserves nothing, because it is neither a CIDR nor an address.',
    'ReservationEntryInvalid | fd00::/12x | "fd00::/12x" reserves nothing, because it is neither a CIDR nor an address.',
  ])
})

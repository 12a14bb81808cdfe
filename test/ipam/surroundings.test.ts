import t from 'tap'
import { requireUnlocked } from '../../src/ipam/index.ts'
import {
  isNodeGone,
  locateBlock,
  poolOf,
  readConfig,
  readCooldown,
  readNodeLabels,
  readPools,
  readAvailability,
} from '../../src/ipam/surroundings.ts'
import { clusterInformationKey, ipamConfigKey, nodeKey, poolKey, reservationKey } from '../../src/model/index.ts'
import { formatCidr, mustParseAddress, mustParseCidr } from '../../src/net/index.ts'
import { World } from '../support/ipam-world.ts'

t.test('without a stored configuration the defaults hold, with one what it says, absent meaning false', (t) => {
  const world = new World()
  t.match(readConfig(world.view), { ok: true, value: { strictAffinity: false, autoAllocateBlocks: true } })
  world.put(ipamConfigKey.text, '{"strict_affinity":true}')
  t.match(readConfig(world.view), { ok: true, value: { strictAffinity: true, autoAllocateBlocks: false } })
  t.ok(world.view.reads.has('/calico/ipam/v2/config'))
  t.end()
})

t.test('a configuration that cannot be read is not guessed', (t) => {
  const world = new World()
  world.put(ipamConfigKey.text, '{"strict_affinity":"yes"}')
  t.match(readConfig(world.view), {
    ok: false,
    refusal: { reason: 'Conflict', message: /^\/calico\/ipam\/v2\/config: .*strict_affinity/ },
  })
  t.equal(readCooldown(world.view), undefined)
  world.config({ ipCooldownSeconds: 60 })
  t.equal(readCooldown(world.view), 60)
  world.remove(ipamConfigKey.text)
  t.equal(readCooldown(world.view), 0)
  t.end()
})

t.test('only a cluster that says that it is locked is locked', (t) => {
  const texts: [text: string, isUnlocked: boolean][] = [
    ['{"metadata":{"name":"default"},"spec":{"datastoreReady":true}}', true],
    ['{"metadata":{"name":"default"},"spec":{}}', true],
    ['{"metadata":{"name":"default"},"spec":{"datastoreReady":false}}', false],
    ['{"metadata":{"name":"default"},"spec":{"datastoreReady":"no"}}', true],
  ]
  const world = new World()
  t.equal(requireUnlocked(world.view).ok, true)
  for (const [text, isUnlocked] of texts) {
    world.put(clusterInformationKey.text, text)
    t.equal(requireUnlocked(world.view).ok, isUnlocked, text)
  }
  world.lockCluster()
  t.match(requireUnlocked(world.view), { refusal: { reason: 'ServiceUnavailable', message: /datastoreReady/ } })
  t.end()
})

t.test('pools come in the order of their names, and those that cannot be read stand aside', (t) => {
  const world = new World()
  for (const name of ['b', 'a', 'a.1', 'a-1']) world.pool(name, '10.0.0.0/24')
  world.put(poolKey('broken').text, '{"metadata":{"name":"broken"},"spec":{"cidr":"10.0.0.0"}}')
  const { all, unreadable } = readPools(world.view)
  t.strictSame(
    all.map(({ name }) => name),
    ['a', 'a-1', 'a.1', 'b'],
  )
  t.match(unreadable, [{ name: 'broken', problem: /cidr/ }])
  t.ok(world.view.reads.has(`current ${poolKey('').text}`), 'the commit proves that no pool was added or changed')
  t.end()
})

t.test('reserved is what any reservation says, as far as it can be read', (t) => {
  const world = new World()
  t.equal(readAvailability(world.view, 0, world.context.now).reserved.isEmpty, true)
  world.reserve('10.0.0.0/30', ' 10.0.0.8 ', 'nonsense', '', '10.0.1.7/24')
  world.reserve('fd00::/120')
  world.put(reservationKey('broken').text, '{')
  const reserved = readAvailability(world.view, 0, world.context.now).reserved
  for (const cidr of ['10.0.0.0/30', '10.0.0.8/32', '10.0.1.0/24', 'fd00::/120'])
    t.ok(reserved.covers(mustParseCidr(cidr)), cidr)
  for (const address of ['10.0.0.4', '10.0.0.9', '10.0.2.0', 'fd00::100'])
    t.notOk(reserved.has(mustParseAddress(address)), address)
  t.ok(world.view.reads.has(`changed ${reservationKey('').text}`))
  t.end()
})

t.test('a node has the labels that are stored, and none if it is not registered', (t) => {
  const world = new World()
  world.node('node1', { zone: 'a' })
  world.put(nodeKey('nameless').text, '{"metadata":{"labels":{"zone":"b"}}}')
  world.put(nodeKey('broken').text, '[]')
  t.match(readNodeLabels(world.view, 'node1'), { ok: true, value: { zone: 'a' } })
  t.match(readNodeLabels(world.view, 'nameless'), { ok: true, value: { zone: 'b' } })
  for (const node of ['unknown', undefined]) t.strictSame(readNodeLabels(world.view, node), { ok: true, value: {} })
  t.match(
    readNodeLabels(world.view, 'broken'),
    {
      ok: false,
      refusal: { reason: 'Conflict', message: /nodes\/broken: .*cannot be read: resource: expected an object/ },
    },
    'the labels of one that cannot be read are not guessed',
  )
  t.ok(world.view.reads.has(nodeKey('unknown').text), 'that it is not there is proved too')
  t.end()
})

t.test('the pool of an address is the first one, by name, that contains it and is acceptable', (t) => {
  const world = new World()
  world.pool('b', '10.0.0.0/24')
  world.pool('a', '10.0.0.0/16', { disabled: true })
  const pools = readPools(world.view)
  t.equal(poolOf(pools, mustParseAddress('10.0.0.1'))?.name, 'a')
  t.equal(poolOf(pools, mustParseAddress('10.0.0.1'), ({ isDisabled }) => !isDisabled)?.name, 'b')
  t.equal(poolOf(pools, mustParseAddress('10.1.0.1')), undefined)
  t.end()
})

t.test('a node is gone if it is not registered while others are', (t) => {
  const world = new World()
  t.notOk(isNodeGone(world.view, 'node1'), 'nobody registers nodes')
  world.node('node2', {})
  t.ok(isNodeGone(world.view, 'node1'))
  world.node('node1', {})
  t.notOk(isNodeGone(world.view, 'node1'))
  t.end()
})

function locate(world: World, address: string): string | undefined {
  const found = locateBlock(world.view, readPools(world.view), mustParseAddress(address), world.blocks)
  return found && formatCidr(found)
}

t.test('in a pool, enabled or not, a block is where the block size puts it', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.pool('b', '10.0.1.0/24', { blockSize: 26, disabled: true })
  world.pool('c', 'fd00::/64')
  t.equal(locate(world, '10.0.0.13'), '10.0.0.8/29')
  t.equal(locate(world, '10.0.1.70'), '10.0.1.64/26')
  t.equal(locate(world, 'fd00::41'), 'fd00::40/122')
  t.notOk(world.view.reads.has('index of blocks'), 'nothing is to be proved about other blocks')
  t.end()
})

t.test('in a pool, too, the block that is there counts, when it has another size', (t) => {
  const world = new World()
  world.pool('a', '10.0.0.0/24', { blockSize: 29 })
  world.block('10.0.0.0/26', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.0/26')
  t.equal(locate(world, '10.0.0.64'), '10.0.0.64/29')
  world.block('10.0.0.8/29', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.8/29')
  t.end()
})

t.test('outside of all pools a block is found wherever it is, and its absence must be proved', (t) => {
  const world = new World()
  world.block('10.0.0.0/28', null)
  t.equal(locate(world, '10.0.0.13'), '10.0.0.0/28')
  t.equal(locate(world, '10.0.0.16'), undefined)
  t.ok(world.view.reads.has('index of blocks'))
  t.end()
})

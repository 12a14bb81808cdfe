import t from 'tap'
import { CheckWorld, now } from '../../support/check-world.ts'
import { formatTime } from '../../../src/model/index.ts'
import { holderOfPod, holderOfTunnel, keyOfBlock } from '../../support/corruption.ts'

/** A moment some minutes before the check, as Go prints it. */
function minutesAgo(minutes: number): string {
  const time = formatTime({ nanoseconds: now.nanoseconds - BigInt(minutes) * 60_000_000_000n })
  return `${time.slice(0, 10)} ${time.slice(11, 19)}.25 +0000 UTC`
}

t.test('what is used and assigned is all right', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-6', { cidr: 'fd00::/120', blockSize: 125 })
  world.putNode('node-1', { bgp: { ipv4IPIPTunnelAddr: '10.0.0.1' }, ipv6VXLANTunnelAddr: 'fd00::1' })
  world.putHeldBlock('10.0.0.0/29', [holderOfPod('web', 'a'), holderOfTunnel('node-1'), holderOfPod('old', 'b')])
  world.putBlock('fd00::/125', 'c', 'd')
  world.putEndpoint('web', '10.0.0.0', 'fd00::')
  world.putEndpoint('old', '10.0.0.2')
  for (const windowSize of [undefined, 1, 2, 3]) t.strictSame(await world.summary(windowSize), [])
})

t.test('what is used and not assigned is told, inside of pools and outside', async (t) => {
  const world = new CheckWorld()
  world.putResource('IPPool', 'ippools', 'pool-b', { cidr: '10.9.0.0/24', blockSize: 29, disabled: true })
  world.putBlock('10.0.0.0/29', 'a')
  world.putEndpoint('web', '10.0.0.0', '10.0.0.1')
  world.putEndpoint('elsewhere', '10.0.0.200', '10.9.0.1', '192.0.2.1', 'fd00::1')
  world.putNode('node-1', { ipv4VXLANTunnelAddr: '10.0.0.3' })
  const expected = [
    'AddressNotAssigned elsewhere 10.0.0.200',
    'AddressNotAssigned node-1 10.0.0.3',
    'AddressNotAssigned web 10.0.0.1',
    'AddressOutsidePools elsewhere 10.9.0.1',
    'AddressOutsidePools elsewhere 192.0.2.1',
    'AddressOutsidePools elsewhere fd00::1',
  ]
  for (const windowSize of [undefined, 1, 2, 4]) t.strictSame((await world.summary(windowSize)).toSorted(), expected)
})

t.test('each user of an address but the first is told, assigned or not', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.putEndpoint('one', '10.0.0.0', '10.0.0.0', '10.0.0.4')
  world.putEndpoint('three', '10.0.0.0')
  world.putEndpoint('two', '10.0.0.0', '10.0.0.4')
  const expected = [
    'AddressNotAssigned one 10.0.0.4',
    'AddressNotAssigned two 10.0.0.4',
    'AddressUsedTwice three 10.0.0.0',
    'AddressUsedTwice two 10.0.0.0',
    'AddressUsedTwice two 10.0.0.4',
  ]
  for (const windowSize of [undefined, 1]) t.strictSame((await world.summary(windowSize)).toSorted(), expected)
  const [found] = (await world.findings()).filter(({ key }) => key.endsWith('/three'))
  t.match(found?.message, /^10\.0\.0\.0 is used here and by \/calico\/.*\/shop\/one;/)
})

t.test('a machine that moves is at two places for a while, and at no more', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.changeBlock('10.0.0.0/29', ['"secondary":{', '"alternateOwnerAttrs":{"pod":"two"},"secondary":{'])
  world.putEndpoint('one', '10.0.0.0')
  world.putEndpoint('two', '10.0.0.0')
  t.strictSame(await world.summary(), [])
  world.putEndpoint('three', '10.0.0.0')
  t.strictSame(await world.summary(), ['AddressUsedTwice two 10.0.0.0', 'AddressUsedTwice three 10.0.0.0'])
})

t.test('an address in two blocks that two endpoints use is told once', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a')
  world.putBlock('10.0.0.0/30', 'b')
  world.putEndpoint('one', '10.0.0.0')
  world.putEndpoint('two', '10.0.0.0')
  const used = (await world.findings()).filter(({ code }) => code === 'AddressUsedTwice')
  t.equal(used.length, 1)
})

t.test('an address of a pod that has no endpoint is told once its time is over', async (t) => {
  const world = new CheckWorld()
  world.putHeldBlock('10.0.0.0/29', [holderOfPod('late', 'a', minutesAgo(16)), holderOfPod('new', 'b', minutesAgo(14))])
  t.strictSame(await world.summary(), [], 'where no endpoint is registered, nobody registers them')
  world.putEndpoint('other', '10.0.0.1')
  const found = await world.only()
  t.match(found, {
    code: 'AddressUnused',
    key: keyOfBlock('10.0.0.0/29'),
    subject: '10.0.0.0',
    repair: 'None',
    message:
      /pod shop\/late on node-1 at 2026-11-23T03:44:00Z.*"k8s-pod-network\.a{64}" and the sequence number \d+\.$/,
  })
  world.putNode('node-2')
  t.strictSame(await world.summary(), ['NodeGone 10.0.0.0-29 node-1'], 'a node that is gone has a code of its own')
  world.putNode('node-1')
  t.match(await world.only(), { code: 'AddressUnused' })
  t.strictSame(await world.summary(1), ['AddressUnused 10.0.0.0-29 10.0.0.0'])
  world.view.putText('/calico/resources/v3/projectcalico.org/workloadendpoints/shop/broken', '{')
  t.strictSame(await world.summary(1), ['Unreadable broken'], 'it may be the one that uses it')
})

t.test('an address of a tunnel that its node does not have is told, if the node can be read', async (t) => {
  const world = new CheckWorld()
  world.putHeldBlock('10.0.0.0/29', [holderOfTunnel('node-1')])
  t.strictSame(await world.summary(), [])
  world.putNode('node-1', { bgp: { ipv4IPIPTunnelAddr: '10.0.0.0' } })
  t.strictSame(await world.summary(), [])
  world.putNode('node-1', { ipv4VXLANTunnelAddr: '' })
  t.match(await world.only(), { code: 'AddressUnused', subject: '10.0.0.0', message: /a tunnel of node-1/ })
  world.view.putText('/calico/resources/v3/projectcalico.org/nodes/node-1', '{')
  t.strictSame(await world.summary(), ['Unreadable node-1'])
})

t.test('uses may be through with before handles are', async (t) => {
  const world = new CheckWorld()
  world.putBlock('10.0.0.0/29', 'a', 'b', 'c', 'd')
  world.putBlock('10.0.0.8/29')
  world.putEndpoint('web', '10.0.0.0', '10.0.0.7')
  t.strictSame(await world.summary(2), ['AddressNotAssigned web 10.0.0.7'])
})

t.test('of what was assigned over HTTP nothing is told, nor of what cools down', async (t) => {
  const world = new CheckWorld()
  world.putEndpoint('web', '10.0.0.0')
  const ours = { node: 'node-1', namespace: 'shop', pod: 'web', timestamp: minutesAgo(99) }
  world.putHeldBlock('10.0.0.0/29', [
    { handle: 'web', attributes: ours },
    { handle: 'vm-42', attributes: ours },
    { handle: 'plain', attributes: {} },
    { handle: 'cooling', attributes: {} },
  ])
  world.changeBlock('10.0.0.0/29', ['{"handle_id":"cooling"}', '{"releasedAt":"2026-11-23T03:59:59Z"}'])
  world.view.remove('/calico/ipam/v2/handle/cooling')
  t.strictSame(await world.summary(), [])
})

t.test('what a block that cannot be read has assigned is not known', async (t) => {
  const world = new CheckWorld()
  world.view.putText(keyOfBlock('10.0.0.0/29'), '{')
  world.putEndpoint('web', '10.0.0.7', '10.0.0.8')
  t.strictSame(await world.summary(), ['Unreadable 10.0.0.0-29', 'AddressNotAssigned web 10.0.0.8'])
})

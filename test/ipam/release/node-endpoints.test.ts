import t from 'tap'
import { planRemoveEndpoints } from '../../../src/ipam/index.ts'
import { handleOf, isHeld } from '../../../src/model/index.ts'
import { addressAt, formatAddress, ordinal } from '../../../src/net/index.ts'
import type { Result, Step } from '../../../src/plan/index.ts'
import { endpoint, keyOfEndpoint } from '../../support/corruption.ts'
import { World } from '../../support/ipam-world.ts'
import { rightsBy } from '../../support/rights.ts'

/** The pool `pool-a`, 10.0.0.0/24 in blocks of 64. */
function start(): World {
  const world = new World()
  world.pool('pool-a', '10.0.0.0/24', { blockSize: 26 })
  return world
}

function putNode(world: World, spec: object = {}): void {
  const node = JSON.stringify({ kind: 'Node', metadata: { name: 'node-1' }, spec })
  world.put('/calico/resources/v3/projectcalico.org/nodes/node-1', node)
}

/** Assigns addresses as Calico's plugin does, with these attributes beside the node. */
function hold(world: World, handle: string, addresses: readonly string[], attributes = {}, node = 'node-1'): void {
  world.assign({ handle, addresses, node, attributes })
}

/** Stores an endpoint of the pod `name` in the namespace `shop`; gives its key. */
function putEndpoint(world: World, name: string, addresses: readonly string[], node = 'node-1'): string {
  const key = keyOfEndpoint(name)
  world.put(key, endpoint(name, node, addresses))
  return key
}

/** Carries out steps until one is the last; gives the position after each, of which the last has none. */
function removeEndpoints(world: World, endpoints: readonly string[]): readonly string[] {
  const positions: string[] = []
  for (let position: string | undefined = ''; position !== undefined; ) {
    if (positions.length === 20) throw new Error(`no end: ${positions.join(', ')}`)
    world.view.reads.clear()
    const answer: Result<Step<undefined>> = world.commit(
      planRemoveEndpoints(world.view, 'node-1', endpoints, position, world.context),
    )
    if (!answer.ok) throw new Error(answer.refusal.message)
    if (world.lastReads.size >= 126) throw new Error(`${world.lastReads.size} reads`)
    position = answer.value.next
    if (position !== undefined) positions.push(position)
  }
  return positions
}

/** Every address that is held, and by whom. */
function heldIn(world: World): readonly string[] {
  return ['10.0.0.0/26', '10.0.0.64/26'].flatMap((cidr) => {
    const block = world.stored(cidr)
    return (block?.allocations ?? []).flatMap((_, place) => {
      if (block === undefined || !isHeld(block, ordinal(place))) return []
      return `${formatAddress(addressAt(block.cidr, ordinal(place)))} ${handleOf(block, ordinal(place)) ?? ''}`
    })
  })
}

const endpointKeys = (world: World): readonly string[] =>
  world.view.keys('/calico/resources/v3/projectcalico.org/workloadendpoints/')

t.test('endpoints go with their addresses, and the addresses of tunnels too', (t) => {
  const world = start()
  const wireguard = { wireguard: { interfaceIPv4Address: '10.0.0.60' } }
  putNode(world, { bgp: { ipv4IPIPTunnelAddr: '10.0.0.5' }, ipv4VXLANTunnelAddr: '10.0.0.6', ...wireguard })
  hold(world, 'net.c1', ['10.0.0.1'], { pod: 'web', namespace: 'shop' })
  hold(world, 'net.c2', ['10.0.0.2'], { pod: 'db', namespace: 'shop' })
  hold(world, 'ipip-tunnel-addr-node-1', ['10.0.0.5'], { type: 'ipipTunnelAddress' })
  hold(world, 'vm-42', ['10.0.0.6', '10.0.0.7'])
  const keys = [
    putEndpoint(world, 'web', ['10.0.0.1']),
    putEndpoint(world, 'db', ['10.0.0.2', '10.0.0.9', '192.0.2.1']),
  ]
  t.strictSame(removeEndpoints(world, keys), [])
  t.strictSame(endpointKeys(world), [])
  t.strictSame(heldIn(world), ['10.0.0.6 vm-42', '10.0.0.7 vm-42'], 'what others assigned stays theirs')
  t.end()
})

t.test('an address that somebody else holds by now is left alone', (t) => {
  const world = start()
  hold(world, 'elsewhere', ['10.0.0.1'], { pod: 'web', namespace: 'shop' }, 'node-2')
  hold(world, 'pod', ['10.0.0.2'], { pod: 'other', namespace: 'shop' })
  hold(world, 'namespace', ['10.0.0.3'], { pod: 'web', namespace: 'other' })
  hold(world, 'vm-42', ['10.0.0.4'])
  const key = putEndpoint(world, 'web', ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])
  t.strictSame(removeEndpoints(world, [key]), [])
  t.strictSame(endpointKeys(world), [])
  t.strictSame(heldIn(world), ['10.0.0.1 elsewhere', '10.0.0.2 pod', '10.0.0.3 namespace', '10.0.0.4 vm-42'])
  t.end()
})

t.test('what is none of Kubernetes has no pod, and its holder neither', (t) => {
  const world = start()
  hold(world, 'vm', ['10.0.0.1'])
  hold(world, 'net.c1', ['10.0.0.2'], { pod: 'web', namespace: 'shop' })
  world.assign({ handle: 'h', addresses: ['10.0.0.3'] })
  world.assign({ handle: 'g', addresses: ['10.0.0.4'], attributes: { tenant: 'blue' } })
  const key = keyOfEndpoint('vm')
  const ipNetworks = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '10.0.0.4/32']
  const metadata = { name: 'vm', namespace: 'shop' }
  world.put(key, JSON.stringify({ kind: 'WorkloadEndpoint', metadata, spec: { node: 'node-1', ipNetworks } }))
  t.strictSame(removeEndpoints(world, [key]), [])
  t.strictSame(heldIn(world), ['10.0.0.2 net.c1', '10.0.0.3 h', '10.0.0.4 g'])
  t.end()
})

t.test('endpoints that are gone, cannot be read or are elsewhere are passed over', (t) => {
  const world = start()
  hold(world, 'h', ['10.0.0.1'])
  world.put(keyOfEndpoint('broken'), '{')
  const moved = putEndpoint(world, 'moved', ['10.0.0.1'], 'node-2')
  const keys = [keyOfEndpoint('gone'), keyOfEndpoint('broken'), moved]
  t.strictSame(removeEndpoints(world, keys), [])
  t.strictSame(endpointKeys(world), [keyOfEndpoint('broken'), moved])
  t.strictSame(heldIn(world), ['10.0.0.1 h'])
  t.end()
})

t.test('what is too much for one step takes several, of one endpoint too', (t) => {
  const world = start()
  putNode(world, { ipv4VXLANTunnelAddr: '10.0.0.63' })
  const addresses = Array.from({ length: 60 }, (_, number) => `10.0.0.${number}`)
  for (const [number, address] of addresses.entries()) {
    hold(world, `h-${address}`, [address], { pod: number < 50 ? 'large' : `pod-${address}`, namespace: 'shop' })
  }
  hold(world, 'vxlan-tunnel-addr-node-1', ['10.0.0.63'])
  const large = putEndpoint(world, 'large', addresses.slice(0, 50))
  const small = addresses.slice(50).map((address) => putEndpoint(world, `pod-${address}`, [address]))
  const bare = Array.from({ length: 30 }, (_, number) => putEndpoint(world, `bare-${number}`, []))
  t.strictSame(removeEndpoints(world, [large, ...small, ...bare]), ['0/31', '24/0'])
  t.strictSame(heldIn(world), [])
  t.strictSame(endpointKeys(world), [])
  t.end()
})

t.test('tunnels wait for the next step when there is no room', (t) => {
  const world = start()
  putNode(world, { ipv4VXLANTunnelAddr: '10.0.0.63' })
  const addresses = Array.from({ length: 38 }, (_, number) => `10.0.0.${number}`)
  for (const address of addresses) hold(world, `h-${address}`, [address], { pod: 'web', namespace: 'shop' })
  hold(world, 'vxlan-tunnel-addr-node-1', ['10.0.0.63'])
  t.strictSame(removeEndpoints(world, [putEndpoint(world, 'web', addresses)]), ['1/0'])
  t.strictSame(heldIn(world), [])
  t.end()
})

t.test('with a cooldown nothing is released twice', (t) => {
  const world = start()
  world.config({ ipCooldownSeconds: 60 })
  const addresses = Array.from({ length: 60 }, (_, number) => `10.0.0.${number}`)
  for (const address of addresses) hold(world, `h-${address}`, [address], { pod: 'web', namespace: 'shop' })
  t.strictSame(removeEndpoints(world, [putEndpoint(world, 'web', addresses)]), ['0/39'])
  t.strictSame(heldIn(world), [])
  t.end()
})

t.test('an address that cools down, or that nobody holds, is not released with its endpoint', (t) => {
  const world = start()
  world.config({ ipCooldownSeconds: 60 })
  hold(world, 'web', ['10.0.0.1'], { pod: 'web', namespace: 'shop' })
  world.give('10.0.0.1')
  const before = world.stored('10.0.0.0/26')
  t.strictSame(removeEndpoints(world, [putEndpoint(world, 'web', ['10.0.0.1', '10.0.0.2'])]), [])
  t.strictSame(endpointKeys(world), [])
  t.strictSame(world.stored('10.0.0.0/26'), before)
  t.end()
})

t.test('a block that cannot be read keeps what it has; a locked cluster is left alone', (t) => {
  const world = start()
  world.put(world.blockKey('10.0.0.0/26').text, '{')
  const key = putEndpoint(world, 'web', ['10.0.0.1'])
  t.strictSame(removeEndpoints(world, [key]), [])
  t.strictSame(endpointKeys(world), [])
  putEndpoint(world, 'web', ['10.0.0.1'])
  world.lockCluster()
  t.match(planRemoveEndpoints(world.view, 'node-1', [key], '', world.context).answer, {
    ok: false,
    refusal: { reason: 'ServiceUnavailable' },
  })
  t.end()
})

t.test('a step is refused if the caller may not release one of the addresses', (t) => {
  const world = start()
  hold(world, 'own.1', ['10.0.0.1'], { pod: 'web', namespace: 'shop' })
  hold(world, 'other.1', ['10.0.0.2'], { pod: 'web', namespace: 'shop' })
  const key = putEndpoint(world, 'web', ['10.0.0.1', '10.0.0.2'])
  const ask = (handles: readonly string[]) => {
    const rights = rightsBy({ verbs: ['release'], resources: ['addresses'], handles })
    return planRemoveEndpoints(world.view, 'node-1', [key], '', { ...world.context, rights })
  }
  const refused = ask(['own.*'])
  t.match(refused.answer, { ok: false, refusal: { reason: 'Forbidden', message: /may not release .* of node-1 use;/ } })
  t.notMatch(JSON.stringify(refused.answer), /other|10\.0\.0/, 'it names nothing that is hidden')
  t.equal(refused.writes.length, 0)
  t.match(ask(['own.*', 'other.1']).answer, { ok: true })
  t.end()
})

import type { HttpClient } from '../../support/http-client.ts'

const v3 = '/apis/projectcalico.org/v3'

/** Puts what a view can show into a server: nodes in zones, pools of both families, full and empty ones, and who holds what. */
export async function fillWorld(call: HttpClient['call']): Promise<void> {
  const send = async (path: string, body: object): Promise<void> => {
    const answer = await call('POST', path, body)
    if (answer.status !== 201) throw new Error(`${path} was refused: ${JSON.stringify(answer.body)}`)
  }
  for (const [name, labels] of nodes) await send(`${v3}/nodes`, { metadata: { name, labels }, spec: {} })
  for (const [name, spec, labels] of pools) await send(`${v3}/ippools`, { metadata: { name, labels }, spec })
  await send(`${v3}/ipreservations`, {
    metadata: { name: 'gateways' },
    spec: { reservedCIDRs: ['172.16.0.0/28', '192.168.10.0/30', '10.0.0.0/24'] },
  })
  const assign = (body: object): Promise<void> => send('/ipam/v1/assign', body)
  for (const [index, [node, { zone }]] of nodes.entries()) {
    const attributes = { tenant: ['red', 'blue', 'green'][index % 3], app: `web-${index % 5}` }
    for (let count = 1; count <= 3; count++)
      await assign({ handle: `vm-${index}-${count}`, node, ipv4: 60 * count, pools: ['core'], attributes })
    await assign({ handle: `vm-${index}-1`, node, ipv4: 0, ipv6: 4, pools: ['six'] })
    await assign({
      handle: `${zone}-${index}`,
      node,
      ipv4: zone === 'a' ? 400 : 110,
      pools: [zone === 'a' ? 'blue' : 'green'],
    })
  }
  await assign({ handle: 'edge-gateway', node: 'rack-a-1', ipv4: 55, pools: ['edge'] })
  await assign({ handle: 'front', ipv4: 9, pools: ['load-balancers'], use: 'LoadBalancer' })
}

const nodes = ['a', 'b', 'c'].flatMap((zone) =>
  [1, 2, 3, 4].map(
    (number) =>
      [`rack-${zone}-${number}`, { zone, rack: String(number), ...(number === 1 && { edge: 'true' }) }] as const,
  ),
)

const pools: readonly (readonly [name: string, spec: object, labels: object])[] = [
  ['core', { cidr: '10.0.0.0/8', nodeSelector: 'all()' }, { team: 'net' }],
  ['blue', { cidr: '172.16.0.0/20', nodeSelector: "zone == 'a'" }, { team: 'blue' }],
  ['green', { cidr: '172.16.16.0/22', blockSize: 28, nodeSelector: "zone in {'b', 'c'}" }, { team: 'green' }],
  ['edge', { cidr: '192.168.10.0/26', blockSize: 28, nodeSelector: 'has(edge)' }, { team: 'net' }],
  ['load-balancers', { cidr: '203.0.113.0/24', blockSize: 29, allowedUses: ['LoadBalancer'] }, {}],
  ['lab', { cidr: '198.51.100.0/24', disabled: true }, {}],
  ['six', { cidr: 'fd00:cafe::/48', nodeSelector: 'all()' }, {}],
]

import t, { type Test } from 'tap'
import { changesNothing, startIppoold } from '../support/ippoold.ts'
import { findKubectls, type Kubectl, kubectlFor } from '../support/kubectl.ts'

const pools = ['10.30.0.0/16', '10.20.0.0/16', '10.10.0.0/16'].map((cidr, index) => ({
  apiVersion: 'projectcalico.org/v3',
  kind: 'IPPool',
  metadata: { name: `pool-${String(index)}`, labels: { zone: index === 0 ? 'a' : 'b' } },
  spec: { cidr, natOutgoing: index === 0 },
}))
const other = { ...pools[0], metadata: { name: 'other' }, spec: { cidr: '10.40.0.0/16' } }

/** The lines that were printed, each cut into its columns. */
function tableIn(printed: string): readonly (readonly string[])[] {
  return printed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))
}

for (const binary of await findKubectls()) {
  t.test(`kubectl ${binary.version} finds out what there is, reads and creates`, { timeout: 240_000 }, async (t) => {
    const { servers, keys } = await startIppoold(t)
    const kubectl = await kubectlFor(t, servers[0]?.url ?? '', binary)
    await t.test('discovery', (t) => discover(t, kubectl))
    await t.test('create', (t) => create(t, kubectl))
    await changesNothing(t, keys, async () => {
      await t.test('get as a table', (t) => getTables(t, kubectl))
      await t.test('get as something else', (t) => getObjects(t, kubectl))
      await t.test('get some', (t) => getSome(t, kubectl))
      await t.test('explain', (t) => explain(t, kubectl))
      await t.test('what goes wrong', (t) => fail(t, kubectl))
    })
  })
}

async function discover(t: Test, kubectl: Kubectl): Promise<void> {
  const resources = tableIn(await kubectl.print(['api-resources']))
  t.strictSame(
    resources.slice(1).map(([name, , version, isNamespaced, kind]) => [name, version, isNamespaced, kind]),
    [
      ['accesspolicies', 'ippoold.io/v1', 'false', 'AccessPolicy'],
      ['accesstokens', 'ippoold.io/v1', 'false', 'AccessToken'],
      ['blockaffinities', 'projectcalico.org/v3', 'false', 'BlockAffinity'],
      ['clusterinformations', 'projectcalico.org/v3', 'false', 'ClusterInformation'],
      ['ipamblocks', 'projectcalico.org/v3', 'false', 'IPAMBlock'],
      ['ipamconfigurations', 'projectcalico.org/v3', 'false', 'IPAMConfiguration'],
      ['ipamhandles', 'projectcalico.org/v3', 'false', 'IPAMHandle'],
      ['ippools', 'projectcalico.org/v3', 'false', 'IPPool'],
      ['ipreservations', 'projectcalico.org/v3', 'false', 'IPReservation'],
      ['nodes', 'projectcalico.org/v3', 'false', 'Node'],
    ],
  )
  t.match(resources[8], ['ippools', /(^|,)pool(,|$)/])
  t.equal(await kubectl.print(['api-versions']), 'ippoold.io/v1\nprojectcalico.org/v3\nv1\n')
  t.match(await kubectl.print(['version', '-o', 'json']), /"serverVersion": \{[^}]*"gitVersion": "v1\.\d+\.\d+"/)
  t.match(await kubectl.print(['auth', 'can-i', 'create', 'ippools']), /^yes$/m)
  t.match(await kubectl.print(['auth', 'can-i', 'delete', 'nodes']), /^yes$/m)
  t.match(JSON.parse(await kubectl.print(['get', '--raw', '/apis/projectcalico.org'])), { kind: 'APIGroup' })
}

async function create(t: Test, kubectl: Kubectl): Promise<void> {
  const tried = await kubectl.print(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(other) })
  t.equal(tried, 'ippool.projectcalico.org/other created (server dry run)\n')
  const list = { apiVersion: 'v1', kind: 'List', items: pools }
  const created = await kubectl.print(['create', '-f', '-'], { input: JSON.stringify(list) })
  t.strictSame(
    created.trim().split('\n'),
    pools.map(({ metadata: { name } }) => `ippool.projectcalico.org/${name} created`),
  )
}

async function getTables(t: Test, kubectl: Kubectl): Promise<void> {
  const table = tableIn(await kubectl.print(['get', 'ippools']))
  t.strictSame(table[0], ['NAME', 'CIDR', 'STATE', 'CAPACITY', 'INUSE', 'FREE', 'AGE'])
  t.match(
    table.slice(1),
    ['10.30.0.0/16', '10.20.0.0/16', '10.10.0.0/16'].map((cidr, index) => [
      `pool-${String(index)}`,
      cidr,
      ...['Allocatable', '65536', '0', '65536'],
      /^\d+m?\d*s$/,
    ]),
  )
  const wide = tableIn(await kubectl.print(['get', 'ippool', 'pool-0', '-o', 'wide', '--show-labels']))
  t.match(wide, [
    [
      ...['NAME', 'CIDR', 'STATE', 'CAPACITY', 'INUSE', 'FREE'],
      ...['NAT', 'IPIPMODE', 'VXLANMODE', 'DISABLED', 'DISABLEBGPEXPORT', 'SELECTOR', 'AGE', 'LABELS'],
    ],
    [
      'pool-0',
      '10.30.0.0/16',
      'Allocatable',
      '65536',
      '0',
      '65536',
      'true',
      'Never',
      'Never',
      'false',
      'false',
      'all()',
      String,
      'zone=a',
    ],
  ])
  const kinds = await kubectl.print(['get', 'pool', '--show-kind', '--no-headers', '-L', 'zone'])
  t.match(tableIn(kinds)[2], [
    'ippool.projectcalico.org/pool-2',
    '10.10.0.0/16',
    'Allocatable',
    '65536',
    '0',
    '65536',
    String,
    'b',
  ])
  // Everything of a category, of which there is nothing but pools.
  t.match(await kubectl.print(['get', 'calico']), /^ippool\.projectcalico\.org\/pool-1 /m)
  t.match(await kubectl.run(['get', 'ipreservations']), { stdout: '', stderr: 'No resources found\n', code: 0 })
}

async function getObjects(t: Test, kubectl: Kubectl): Promise<void> {
  const get = (...args: readonly string[]): Promise<string> => kubectl.print(['get', 'ippools', ...args])
  t.equal(await get('-o', 'name'), pools.map(({ metadata: { name } }) => `ippool.projectcalico.org/${name}\n`).join(''))
  t.match(JSON.parse(await get('-o', 'json')), {
    kind: 'List',
    items: pools.map(({ metadata, spec: { cidr } }) => ({ kind: 'IPPool', metadata, spec: { cidr, blockSize: 26 } })),
  })
  t.match(await get('pool-1', '-o', 'yaml'), /^apiVersion: projectcalico\.org\/v3\nkind: IPPool\nmetadata:\n/)
  t.equal(await get('-o', 'jsonpath={.items[*].spec.cidr}'), '10.30.0.0/16 10.20.0.0/16 10.10.0.0/16')
  t.equal(await get('pool-0', '-o', 'go-template={{.spec.blockSize}}'), '26')
  t.strictSame(tableIn(await get('-o', 'custom-columns=N:.metadata.name,NAT:.spec.natOutgoing')).slice(0, 2), [
    ['N', 'NAT'],
    ['pool-0', 'true'],
  ])
  t.strictSame(tableIn(await get('--server-print=false'))[0], ['NAME', 'AGE'])
  t.match(await kubectl.print(['describe', 'ippool', 'pool-0']), /^Name: +pool-0\n[^]*^ {2}Cidr: +10\.30\.0\.0\/16$/m)
}

async function getSome(t: Test, kubectl: Kubectl): Promise<void> {
  const names = async (...args: readonly string[]): Promise<readonly (string | undefined)[]> =>
    tableIn(await kubectl.print(['get', 'ippools', '--no-headers', ...args])).map(([name]) => name)
  t.strictSame(await names('-l', 'zone=b'), ['pool-1', 'pool-2'])
  t.strictSame(await names('-l', 'zone in (a, c),!team'), ['pool-0'])
  t.strictSame(await names('--field-selector', 'metadata.name=pool-1'), ['pool-1'])
  t.strictSame(await names('--sort-by', '.spec.cidr'), ['pool-2', 'pool-1', 'pool-0'])
  for (const size of ['1', '2', '0']) t.strictSame(await names('--chunk-size', size), ['pool-0', 'pool-1', 'pool-2'])
  t.strictSame(await names('pool-2', 'pool-0'), ['pool-2', 'pool-0'])
}

async function explain(t: Test, kubectl: Kubectl): Promise<void> {
  const spec = await kubectl.print(['explain', 'ippool.spec'])
  t.match(spec, /^ {2,3}cidr\t<string> -required-\n {4,5}The range of the pool/m)
  t.match(spec, /^ {2,3}allowedUses\t<\[\]string>/m)
  t.match(
    await kubectl.print(['explain', 'ippools']),
    /^ {2,3}spec\t<(IPPoolSpec|Object)> -required-\n {4,5}The desired state\.$/m,
  )
  t.match(await kubectl.print(['explain', 'nodes.metadata']), /^ {2,3}labels\t<map\[string\]string>/m)
  t.match(await kubectl.print(['explain', 'accesspolicy.spec.rules']), /^ {2,3}poolSelector\t<string>/m)
  t.notMatch(await kubectl.print(['explain', 'ippool', '--recursive']), '<no description>')
}

async function fail(t: Test, kubectl: Kubectl): Promise<void> {
  t.match(await kubectl.run(['get', 'ippool', 'none']), {
    stderr: 'Error from server (NotFound): ippools.projectcalico.org "none" not found\n',
    code: 1,
  })
  t.match(await kubectl.run(['get', 'ippools', '--field-selector', 'spec.cidr=a']), {
    stderr: /field label not supported: spec\.cidr/,
    code: 1,
  })
  const input = JSON.stringify({ ...other, spec: { ...other.spec, nonsense: true } })
  // Before 1.25 kubectl looks for itself, and words it in its own way.
  t.match(await kubectl.run(['create', '-f', '-'], { input }), { stderr: /unknown field "(spec\.)?nonsense"/, code: 1 })
}

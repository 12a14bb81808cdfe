import t from 'tap'
import { addressesIn, createPool, poolsPath, startIppoold } from '../support/ippoold.ts'
import { findKubectls, kubectlFor } from '../support/kubectl.ts'
import { until } from '../support/until.ts'

/** The lines that were printed, each cut into its columns. */
function tableIn(printed: string): readonly (readonly string[])[] {
  return printed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))
}

const stored = (name: string, cidr: string, spec = ''): string =>
  `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"${name}","uid":"${name}","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"cidr":"${cidr}","vxlanMode":"Never","ipipMode":"Never",${spec}"blockSize":26,"nodeSelector":"all()"}}`

for (const binary of await findKubectls()) {
  t.test(`kubectl ${binary.version} shows blocks, handles and settings`, { timeout: 240_000 }, async (t) => {
    const { call, keys, servers } = await startIppoold(t)
    const kubectl = await kubectlFor(t, servers[0]?.url ?? '', binary)
    const rows = async (...args: readonly string[]) => tableIn(await kubectl.print(['get', ...args, '--no-headers']))
    await createPool(call, 'blue', { cidr: '10.30.0.0/24', blockSize: 28 })
    await call('POST', '/ipam/v1/assign', { handle: 'vm-1', node: 'node-1', addresses: ['10.30.0.1', '10.30.0.2'] })
    const block = ['10-30-0-0-28', '10.30.0.0/28', 'host:node-1', '2', '14']
    t.match(await rows('ipamblocks'), [block])
    t.match(await rows('block', '10-30-0-0-28'), [block])
    t.match(await rows('ipamhandles'), [['vm-1', '2']])
    t.match(await kubectl.print(['get', 'ipamhandle', 'vm-1', '-o', 'yaml']), /10\.30\.0\.0\/28: 2/)
    t.match(await kubectl.print(['explain', 'ipamblock.spec.unallocated']), /free ordinals/)
    t.not((await kubectl.run(['delete', 'ipamhandle', 'vm-1'])).code, 0, 'they cannot be changed')
    await keys.put(
      '/calico/resources/v3/projectcalico.org/clusterinformations/default',
      '{"kind":"ClusterInformation","apiVersion":"projectcalico.org/v3","metadata":{"name":"default","uid":"u","creationTimestamp":"2026-11-23T03:59:00Z"},"spec":{"calicoVersion":"v3.32.0","datastoreReady":true}}',
    )
    t.match(await rows('clusterinfo'), [['default', 'v3.32.0', 'true']])

    const shown = await kubectl.run(['get', 'ipamconfig', 'default', '--no-headers'])
    t.match(shown, {
      code: 0,
      stdout: /^default +false +true +0 /,
      stderr: /Warning: .* is not stored: these are the defaults/,
    })
    const config = {
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPAMConfiguration',
      metadata: { name: 'default' },
      spec: { strictAffinity: true, maxBlocksPerHost: 4 },
    }
    await kubectl.print(['apply', '-f', '-'], { input: JSON.stringify(config) })
    t.equal(
      (await keys.get('/calico/ipam/v2/config'))?.text,
      '{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4,"kubeVirtVMAddressPersistence":"Enabled"}',
    )
    t.match(await kubectl.run(['get', 'ipamconfig', 'default', '--no-headers']), {
      stdout: /^default +true +true +4 /,
      stderr: '',
    })
  })

  t.test(`kubectl ${binary.version} shows the life of a pool`, { timeout: 240_000 }, async (t) => {
    const { call, keys, servers } = await startIppoold(t)
    const kubectl = await kubectlFor(t, servers[0]?.url ?? '', binary)
    const row = async (name: string) => tableIn(await kubectl.print(['get', 'ippool', name, '--no-headers']))[0]
    const wait = (condition: string, name: string) =>
      kubectl.run(['wait', `--for=condition=${condition}`, `ippool/${name}`, '--timeout=20s'])

    await createPool(call, 'blue', { cidr: '10.30.0.0/24' })
    t.match(await wait('Allocatable', 'blue'), { code: 0 })
    await kubectl.print(['patch', 'ippool', 'blue', '--type=merge', '-p', '{"spec":{"disabled":true}}'])
    t.match(await wait('Allocatable=False', 'blue'), { code: 0 })
    t.strictSame((await row('blue'))?.slice(1, 5), ['10.30.0.0/24', 'Disabled', '256', '0'])
    await kubectl.print(['patch', 'ippool', 'blue', '--type=merge', '-p', '{"spec":{"disabled":false}}'])
    t.match(await wait('Allocatable', 'blue'), { code: 0 })

    // Calico sets no conditions on etcd: the server does.
    const poolKey = (name: string): string => `/calico/resources/v3/projectcalico.org/ippools/${name}`
    await keys.put(poolKey('calicos'), stored('calicos', '10.31.0.0/24'))
    t.match(await wait('Allocatable', 'calicos'), { code: 0 })
    await keys.put(poolKey('calicos'), stored('calicos', '10.31.0.0/24', '"disabled":true,'))
    t.match(await wait('Allocatable=False', 'calicos'), { code: 0 })

    const assigned = await call('POST', '/ipam/v1/assign', { handle: 'vm-1', pools: ['blue'], ipv4: 3 })
    t.equal(addressesIn(assigned).length, 3)
    t.strictSame((await row('blue'))?.slice(2, 6), ['Allocatable', '256', '3', '253'])
    const deleted = await kubectl.run(['delete', 'ippool', 'blue', '--wait=false'])
    t.match(deleted, { code: 0, stderr: /Warning: The pool is being deleted: .* 3 addresses are in use/ })
    t.strictSame((await row('blue'))?.slice(2, 6), ['Terminating', '256', '3', '253'])
    await until('it tells how many hold its addresses', async () => {
      const described = await kubectl.print(['describe', 'ippool', 'blue'])
      return /3 addresses are in use, by 1\s+handle\./.test(described) || undefined
    })
    const finalizers = await kubectl.run([
      'patch',
      'ippool',
      'blue',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    ])
    t.match(finalizers, { code: 0, stderr: /Warning: metadata\.finalizers: .*ippool-finalizer stays/ })
    await call('DELETE', '/ipam/v1/handles/vm-1')
    const isGone = async () => (await call('GET', `${poolsPath}/blue`)).status === 404 || undefined
    await until('the pool is gone', isGone)
  })
}

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Authority } from '../support/authority.ts'
import { temporaryFolder } from '../support/etcd.ts'
import { createPool, startIppoold } from '../support/ippoold.ts'
import { findKubectls } from '../support/kubectl.ts'
import { findProgram, pathOf, skipWithout } from '../support/prometheus.ts'
import { carryOutBlock, firstMissing, shellBlocksOf, stepsOf } from '../support/shell-blocks.ts'

/** Carries out every command of docs/runbooks.md, in its order, on a real server and its etcd. */

t.setTimeout(280_000)

const etcdctl = await findProgram('etcdctl', 'etcd-client', ['version'])
const missingTools = ['curl', 'openssl'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined)
const skip = missingTools.length > 0 ? `${missingTools.join(', ')} is not installed` : skipWithout(etcdctl)

t.test('every command of the runbooks works as it stands', { skip }, async (t) => {
  const [kubectl] = await findKubectls()
  if (kubectl === undefined) throw new Error('There is no kubectl.')
  const folder = await temporaryFolder(t)
  await symlink(kubectl.path, join(folder, 'kubectl'))
  if (pathOf(etcdctl).includes('/')) await symlink(pathOf(etcdctl), join(folder, 'etcdctl'))
  const { certificate } = await (await Authority.create(t)).sign({ name: 'ipam', hosts: ['IP:127.0.0.1'] })
  await copyFile(certificate, join(folder, 'tls.crt'))
  await writeFile(join(folder, 'audit.log'), '')
  const { etcd, servers, call } = await startIppoold(t, { env: { IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1' } })
  await createPool(call, 'blue', { cidr: '10.1.0.0/28', blockSize: 28 })
  t.equal(
    (await call('POST', '/ipam/v1/assign', { node: 'node-1', handle: 'vm-42', addresses: ['10.1.0.7'] })).status,
    201,
  )
  const env = {
    PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    IPPOOLD: servers[0]?.url,
    ETCDCTL_API: '3',
    ETCDCTL_ENDPOINTS: etcd.endpoint,
    IPPOOLD_TLS_CERT_FILE: join(folder, 'tls.crt'),
    IPPOOLD_AUDIT_LOG: join(folder, 'audit.log'),
  }
  const blocks = shellBlocksOf(readFileSync(new URL('../../docs/runbooks.md', import.meta.url), 'utf8')).slice(1)
  t.ok(blocks.length > 30)
  for (const block of blocks) {
    const { failure, output } = await carryOutBlock(block, { env })
    t.equal(failure, undefined, block.trim(), { output })
    const expected = stepsOf(`\`\`\`sh\n${block}\`\`\`\n`).flatMap((step) => step.expected)
    t.equal(firstMissing(output, expected), undefined, 'and prints what it should', { output })
  }
})

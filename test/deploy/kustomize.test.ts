import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { manifestsIn } from '../../scripts/manifests.ts'
import { skipWithout } from '../../scripts/tools.ts'
import { findKubectls } from '../support/kubectl.ts'
import { containerOf, deploymentIn, notRestrictedIn, wrongIn } from './manifests.ts'

const folder = new URL('../../deploy/kustomize/', import.meta.url)
/** Older ones have a kustomize that does not know all of this. */
const kubectl = (await findKubectls()).find(({ minor }) => minor >= 22)

function build(name: string): ReturnType<typeof manifestsIn> {
  const path = fileURLToPath(new URL(name, folder))
  return manifestsIn(execFileSync(kubectl?.path ?? '', ['kustomize', path], { encoding: 'utf8' }))
}

t.test(
  'the base is what the chart renders, and a namespace',
  { skip: kubectl === undefined && 'no kubectl' },
  async (t) => {
    const rendered = manifestsIn(readFileSync(new URL('base/ippoold.yaml', folder), 'utf8'))
    const built = build('base')
    const byKind = (objects: typeof built) => new Map(objects.map((object) => [object.kind, object]))
    t.strictSame(byKind(built.filter(({ kind }) => kind !== 'Namespace')), byKind(rendered))
    t.match(
      built.filter(({ kind }) => kind === 'Namespace'),
      [{ metadata: { name: 'ippoold', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } }],
    )
  },
)

t.test('the example changes what it says', { skip: kubectl === undefined && 'no kubectl' }, async (t) => {
  const built = build('example')
  const deployment = deploymentIn(built)
  t.equal(deployment.spec.replicas, 3)
  t.strictSame(notRestrictedIn(deployment), [])
  const { image, env } = containerOf(deployment)
  t.equal(image, 'registry.example.org/ippoold:0.1.0')
  t.equal(env.find(({ name }) => name === 'ETCD_ENDPOINTS')?.value?.split(',').length, 3)
  t.ok(env.length > 8, 'the other settings are still there')
  if (skipWithout('kubernetes-validate') === false) t.strictSame(await wrongIn(t, built), [])
})

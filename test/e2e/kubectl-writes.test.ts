import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../support/etcd.ts'
import { addressesIn, startIppoold } from '../support/ippoold.ts'
import type { HttpClient } from '../support/http-client.ts'
import { findKubectls, type Kubectl, kubectlFor } from '../support/kubectl.ts'
import { until } from '../support/until.ts'

/** What operators do to objects with the real kubectl, and what it prints. */

const poolsPath = '/apis/projectcalico.org/v3/ippools'
const name = 'ippool.projectcalico.org/blue'

const manifest = (spec: object, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: 'projectcalico.org/v3',
    kind: 'IPPool',
    metadata: { name: 'blue', ...metadata },
    spec: { cidr: '10.10.0.0/16', ...spec },
  })

interface World {
  readonly kubectl: Kubectl
  readonly call: HttpClient['call']
  /** kubectl's minor version. */
  readonly minor: number
}

for (const binary of await findKubectls()) {
  t.test(`kubectl ${binary.version} changes objects`, { timeout: 300_000 }, async (t) => {
    const { servers, call } = await startIppoold(t)
    const kubectl = await kubectlFor(t, servers[0]?.url ?? '', binary)
    const world = { kubectl, call, minor: binary.minor }
    for (const [title, test] of Object.entries({
      applyFiles,
      change,
      replace,
      applyOnServer,
      watchAndWait,
      remove,
      policies,
    })) {
      await t.test(title, (t) => test(t, world))
    }
  })
}

function apply({ kubectl }: World, text: string, ...args: readonly string[]): Promise<string> {
  return kubectl.print(['apply', ...args, '-f', '-'], { input: text })
}

async function poolIn({ call }: World): Promise<Record<string, unknown>> {
  return (await call('GET', `${poolsPath}/blue`)).body
}

async function applyFiles(t: Test, world: World): Promise<void> {
  const first = manifest({ natOutgoing: true, disabled: false })
  t.equal(await apply(world, first), `${name} created\n`)
  t.equal(await apply(world, first), `${name} unchanged\n`)
  const second = manifest({ disabled: false }, { labels: { team: 'net' } })
  const { stdout, code } = await world.kubectl.run(['diff', '-f', '-'], { input: second })
  t.equal(code, 1, 'there is a difference')
  t.match(stdout, /^-\s+natOutgoing: true$/m)
  t.match(stdout, /^\+\s+team: net$/m)
  t.equal(await apply(world, second, '--dry-run=server'), `${name} configured (server dry run)\n`)
  t.match(await poolIn(world), { spec: { natOutgoing: true } }, 'a dry run changes nothing')
  t.equal(await apply(world, second), `${name} configured\n`)
  t.match(await poolIn(world), {
    metadata: { generation: 2, labels: { team: 'net' } },
    spec: { natOutgoing: undefined },
  })
  t.equal((await world.kubectl.run(['diff', '-f', '-'], { input: second })).code, 0)

  const wrong = await world.kubectl.run(['apply', '-f', '-'], {
    input: manifest({ cidr: '10.11.0.0/16', blockSize: 7 }),
  })
  t.match(wrong.stderr, /The IPPool "blue" is invalid:/)
  t.match(wrong.stderr, /^\* spec\.cidr: /m)
  t.match(wrong.stderr, /^\* spec\.blockSize: /m)
  const unknown = await world.kubectl.run(['apply', '-f', '-'], { input: manifest({ bogus: 1 }) })
  t.match(unknown.stderr, /unknown field "(spec\.)?bogus"/)
  t.not(unknown.code, 0)
}

async function change(t: Test, world: World): Promise<void> {
  const { kubectl } = world
  t.equal(await kubectl.print(['label', 'ippool', 'blue', 'zone=a']), `${name} labeled\n`)
  t.match(await kubectl.run(['label', '--overwrite', 'ippool', 'blue', 'zone=a']), { code: 0 }, 'again')
  t.equal(await kubectl.print(['annotate', 'ippools', '--all', 'note=x']), `${name} annotated\n`)
  const merge = ['patch', 'ippool', 'blue', '--type=merge', '-p', '{"spec":{"natOutgoing":true}}']
  t.equal(await kubectl.print(merge), `${name} patched\n`)
  t.equal(await kubectl.print(merge), `${name} patched (no change)\n`)
  const operations =
    '[{"op":"test","path":"/spec/natOutgoing","value":true},{"op":"remove","path":"/metadata/annotations/note"}]'
  t.equal(await kubectl.print(['patch', 'ippool', 'blue', '--type=json', '-p', operations]), `${name} patched\n`)
  t.match((await kubectl.run(['patch', 'ippool', 'blue', '-p', '{}'])).stderr, /accepted media types include/)
  if (world.minor >= 24) {
    const status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    const patch = ['patch', 'ippool', 'blue', '--subresource=status', '--type=merge', '-p', status]
    t.equal(await kubectl.print(patch), `${name} patched\n`)
    t.equal(
      await kubectl.print(['wait', '--for=condition=Ready', 'ippool/blue', '--timeout=10s']),
      `${name} condition met\n`,
    )
  }
  const { metadata } = (await poolIn(world)) as {
    readonly metadata: { readonly labels: object; readonly annotations: object }
  }
  t.match(metadata.labels, { zone: 'a', team: 'net' })
  t.notOk(Object.hasOwn(metadata.annotations, 'note'))

  // An editor that replaces text stands for a person.
  const folder = await temporaryFolder(t)
  const editor = join(folder, 'editor.sh')
  await writeFile(editor, '#!/bin/sh\nexec sed -i "s/natOutgoing: true/natOutgoing: false/" "$1"\n', { mode: 0o755 })
  t.equal(await kubectl.print(['edit', 'ippool', 'blue'], { env: { KUBE_EDITOR: editor } }), `${name} edited\n`)
  t.match(await poolIn(world), { spec: { natOutgoing: false } })
}

async function replace(t: Test, world: World): Promise<void> {
  const { kubectl } = world
  t.equal(await kubectl.print(['replace', '-f', '-'], { input: manifest({ natOutgoing: true }) }), `${name} replaced\n`)
  const stale = await kubectl.run(['replace', '-f', '-'], { input: manifest({}, { resourceVersion: '2' }) })
  t.match(stale.stderr, /Error from server \(Conflict\).*the object has been modified/)
  const missing = await kubectl.run(['replace', '-f', '-'], { input: manifest({}, { name: 'nosuch' }) })
  t.match(missing.stderr, /Error from server \(NotFound\).*ippools\.projectcalico\.org "nosuch" not found/)
  const twice = await kubectl.run(['create', '-f', '-'], { input: manifest({}) })
  t.match(twice.stderr, /Error from server \(AlreadyExists\).*ippools\.projectcalico\.org "blue" already exists/)
  const { metadata: before } = (await poolIn(world)) as { readonly metadata: { readonly uid: string } }
  t.match(
    await kubectl.print(['replace', '--force', '-f', '-'], { input: manifest({}) }),
    /blue" deleted[\s\S]*blue replaced/,
  )
  const { metadata: after } = (await poolIn(world)) as { readonly metadata: { readonly uid: string } }
  t.not(after.uid, before.uid)
}

async function applyOnServer(t: Test, world: World): Promise<void> {
  const onServer = (spec: object, ...args: readonly string[]) =>
    world.kubectl.run(['apply', '--server-side', ...args, '-f', '-'], { input: manifest(spec) })
  t.match(await onServer({ natOutgoing: true }), { code: 0, stdout: /serverside-applied/ })
  const other = await onServer({ natOutgoing: false }, '--field-manager=other')
  t.match(other.stderr, /conflict with "kubectl": \.spec\.natOutgoing/)
  t.match(await onServer({ natOutgoing: false }, '--field-manager=other', '--force-conflicts'), { code: 0 })
  t.match(await poolIn(world), { spec: { natOutgoing: false } })
  t.match(await onServer({}, '--field-manager=other'), { code: 0 }, 'what is not applied any more')
  t.notMatch(await poolIn(world), { spec: { natOutgoing: false } }, 'goes')

  // An object that was applied by the client is taken over with its history.
  t.equal(await apply(world, manifest({ disabled: true })), `${name} configured\n`)
  if (world.minor >= 27) {
    t.match(await onServer({}), { code: 0 })
    t.notMatch(await poolIn(world), { spec: { disabled: true } }, 'what the client had applied, and leaves out, goes')
  }
}

async function watchAndWait(t: Test, world: World): Promise<void> {
  const { kubectl } = world
  const watching = kubectl.start(['get', 'ippools', '-w'])
  let printed = ''
  watching.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  await until('the present pools', () => printed.includes('blue') || undefined)
  await kubectl.print(['create', '-f', '-'], { input: manifest({ cidr: '10.20.0.0/16' }, { name: 'green' }) })
  await until('the new pool', () => /^green +10\.20\.0\.0\/16/m.test(printed) || undefined)
  const waiting = await waitForDeletion(kubectl, 'ippool/green')
  t.match(await kubectl.print(['delete', 'ippool', 'green']), /ippool.projectcalico.org "green" deleted/)
  t.match(await waiting.printed(), /ippool.projectcalico.org\/green condition met/)
  await until('the deletion', () => (printed.match(/^green /gm) ?? []).length >= 2 || undefined)
  watching.kill()
}

/** Waits for the end of an object; gives, when kubectl has begun to watch it, how to get what it prints. */
async function waitForDeletion(kubectl: Kubectl, object: string): Promise<{ printed(): Promise<string> }> {
  const child = kubectl.start(['wait', '--for=delete', object, '--timeout=30s', '-v=6'])
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const closed = once(child, 'close')
  await until('it to watch', () => stderr.includes('watch=true') || undefined)
  return {
    printed: async () => {
      await closed
      return stdout
    },
  }
}

async function remove(t: Test, world: World): Promise<void> {
  const { kubectl, call } = world
  const enable = ['patch', 'ippool', 'blue', '--type=merge', '-p', '{"spec":{"disabled":null}}']
  t.match(await kubectl.print(enable), /patched/)
  const held = await call('POST', '/ipam/v1/assign', { handle: 'h', pools: ['blue'] })
  t.equal(addressesIn(held).length, 1)
  t.match(await kubectl.print(['delete', 'ippool', 'blue', '--wait=false']), /"blue" deleted/)
  t.match(await poolIn(world), {
    metadata: { deletionTimestamp: String },
    status: { conditions: [{ reason: 'Terminating' }] },
  })
  const waiting = await waitForDeletion(kubectl, 'ippool/blue')
  await call('DELETE', '/ipam/v1/handles/h')
  t.match(await waiting.printed(), /condition met/)
  const node = JSON.stringify({
    apiVersion: 'projectcalico.org/v3',
    kind: 'Node',
    metadata: { name: 'n', finalizers: ['a/b'] },
    spec: {},
  })
  t.equal(await kubectl.print(['create', '-f', '-'], { input: node }), 'node.projectcalico.org/n created\n')
  const deleting = kubectl.print(['delete', 'nodes.projectcalico.org', '--all'])
  await until('it to be marked', async () => {
    const { body } = await call('GET', '/apis/projectcalico.org/v3/nodes/n')
    return (body['metadata'] as { readonly deletionTimestamp?: string }).deletionTimestamp
  })
  const patch = ['patch', 'nodes.projectcalico.org', 'n', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']
  t.match(await kubectl.print(patch), /patched/)
  t.match(await deleting, /node.projectcalico.org "n" deleted/)
  t.match(await kubectl.run(['get', 'ippool', 'blue']), { code: 1, stderr: /NotFound/ })
  t.match(await kubectl.run(['delete', 'ippool', 'blue', '--ignore-not-found']), { code: 0 })
}

/** Objects of ippoold's own group, with a name that only some kinds may have. */
async function policies(t: Test, world: World): Promise<void> {
  const policy = (verbs: readonly string[]): string =>
    JSON.stringify({
      apiVersion: 'ippoold.io/v1',
      kind: 'AccessPolicy',
      metadata: { name: 'team:blue' },
      spec: { subjects: [{ kind: 'Group', name: 'blue' }], rules: [{ verbs, resources: ['ippools'] }] },
    })
  const called = 'accesspolicy.ippoold.io/team:blue'
  t.equal(await apply(world, policy(['get'])), `${called} created\n`)
  t.equal(await apply(world, policy(['get', 'list'])), `${called} configured\n`)
  t.equal(await apply(world, policy(['get', 'list'])), `${called} unchanged\n`)
  t.equal(await apply(world, policy(['*']), '--server-side', '--force-conflicts'), `${called} serverside-applied\n`)
  t.match(await world.kubectl.print(['get', 'policies', '-o', 'wide']), /^team:blue +Group:blue +1 +\* +\d+s$/m)
  t.match(await world.kubectl.run(['apply', '-f', '-'], { input: policy(['peek']) }), {
    stderr: /spec\.rules\[0\]\.verbs\[0\]: Unsupported value: "peek"/,
    code: 1,
  })
  t.equal(
    await world.kubectl.print(['delete', 'accesspolicy', 'team:blue']),
    'accesspolicy.ippoold.io "team:blue" deleted\n',
  )
}

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ExportEntry, ExportPrinter } from '../../../src/cli/formats/index.ts'
import type { HttpClient } from '../../support/http-client.ts'
import { temporaryFolder } from '../../support/etcd.ts'
import { createPool, startIppoold } from '../../support/ippoold.ts'
import { type IppoolShell, ippoolShell, type Run } from '../../support/ippool.ts'
import { until } from '../../support/until.ts'

/** Moving data between real servers, each on an etcd of its own. */

t.setTimeout(240_000)

interface Place {
  readonly call: HttpClient['call']
  readonly shell: IppoolShell
  /** Writes a file for the shell. */
  write(file: string, text: string): Promise<void>
  read(file: string): Promise<string>
}

async function startPlace(t: Test): Promise<Place> {
  const { servers, call } = await startIppoold(t)
  const shell = await ippoolShell(t, servers[0]?.url)
  return {
    call,
    shell,
    write: (file, text) => writeFile(join(shell.home, file), text),
    read: (file) => readFile(join(shell.home, file), 'utf8'),
  }
}

async function succeed(shell: IppoolShell, script: string): Promise<Run> {
  const run = await shell.run(script)
  if (run.code !== 0) throw new Error(`${script} ended with ${String(run.code)}: ${run.stderr}`)
  return run
}

/** The lines of an export without what every server has of its own: the header, the end, and sequence numbers. */
function comparable(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(1, -2)
    .map((line) => line.replace(/,"sequenceNumber":"\d+"/, ''))
}

/** The lines of an export that an import brings back. */
function importable(text: string): readonly string[] {
  return comparable(text).filter((line) => !line.includes('"kind":"Cooling"') && !line.includes('"virtual"'))
}

function printed(entries: readonly ExportEntry[]): string {
  const printer = new ExportPrinter()
  const header = { server: 'http://test', revision: '1', time: '2026-11-30T12:00:00Z', counts: {}, forbidden: [] }
  return printer.header(header) + printer.entries(entries) + printer.end(0)
}

function pool(name: string, cidr: string, more: object = {}): ExportEntry {
  return { kind: 'IPPool', metadata: { name }, spec: { cidr, ...more } }
}

function held(address: string, handle: string | null, more: object = {}): ExportEntry {
  return { kind: 'Address', address, handle, node: null, attributes: {}, sequenceNumber: '1', ...more }
}

/** Fills a server with something of everything that is exported. */
async function fill({ shell, call }: Place): Promise<void> {
  await succeed(
    shell,
    [
      'set -e',
      'ippool pool create blue 10.1.0.0/24 --block-size 28 -l team=net',
      'ippool pool create old 10.2.0.0/24',
      'ippool pool create ending 10.3.0.0/24',
      'ippool pool create six fd00::/64',
      'ippool reserve routers 10.1.0.1 10.1.0.240/28',
      'ippool assign vm-1 -n 3 --node node-1 --pool blue --attribute tenant=red --attribute pod=a',
      'ippool assign vm-2 -a 10.1.0.1 -a fd00::7',
      'ippool assign vm-3 -a 10.2.0.9 --node node-2',
      'ippool assign vm-4 -a 10.3.0.1',
      'ippool pool create balancers 10.4.0.0/24 --use LoadBalancer',
      'ippool assign lb --use LoadBalancer',
      'ippool assign gone -a 10.1.0.99',
      'ippool block claim node-3 --cidr 10.1.0.48/28',
      'ippool configure --cooldown-seconds 600 --strict-affinity true',
      'ippool release gone',
      'ippool pool drain old',
      'ippool pool delete ending',
    ].join('\n'),
  )
  const nodes = '/apis/projectcalico.org/v3/nodes'
  const node = {
    apiVersion: 'projectcalico.org/v3',
    kind: 'Node',
    metadata: { name: 'node-1', labels: { zone: 'a' } },
    spec: {},
  }
  t.equal((await call('POST', nodes, node)).status, 201)
  const policy = {
    apiVersion: 'ippoold.io/v1',
    kind: 'AccessPolicy',
    metadata: { name: 'readers', annotations: { description: 'May read.' } },
    spec: { subjects: [{ kind: 'Group', name: 'readers' }], rules: [{ verbs: ['get'], resources: ['addresses'] }] },
  }
  t.equal((await call('POST', '/apis/ippoold.io/v1/accesspolicies', policy)).status, 201)
  const alternate = { alternate: { node: 'node-2', attributes: { pod: 'b' } } }
  t.equal((await call('PUT', '/ipam/v1/addresses/10.1.0.1/attributes', alternate)).status, 200)
}

t.test('what is exported, imported into an empty server and exported again is the same', async (t) => {
  const [from, to] = [await startPlace(t), await startPlace(t)]
  await fill(from)
  const exported = await succeed(from.shell, 'ippool export a.jsonl')
  t.match(exported.stderr, /exported at revision \d+: .*Address 8/)
  const text = await from.read('a.jsonl')
  for (const kind of ['AccessPolicy', 'IPPool', 'IPReservation', 'Node', 'IPAMConfiguration', 'Affinity', 'Cooling'])
    t.match(text, `"kind":"${kind}"`)
  t.match(text, /"sequenceNumber":"1\d{18}"/, 'digits beyond those of a number')
  t.equal((await succeed(from.shell, 'ippool export')).stdout.split('\n').length, text.split('\n').length)

  await to.write('a.jsonl', text)
  const tried = await succeed(to.shell, 'ippool import a.jsonl --dry-run -o json')
  t.match(tried.stderr, 'Dry run: nothing was changed.')
  t.match((await to.call('GET', '/ipam/v1/utilization')).body, { pools: [] })
  const imported = await to.shell.run('ippool import a.jsonl -o json')
  t.equal(imported.code, 0, imported.stderr)
  const subjects = (run: Run): unknown => (JSON.parse(run.stdout) as { subjects: unknown }).subjects
  t.strictSame(subjects(tried), subjects(imported), 'the dry run has said what would happen')
  t.match(imported.stdout, '{"subject":"addresses","created":8,"unchanged":0,"conflicts":0,"leftOut":1}')

  await succeed(to.shell, 'ippool export b.jsonl')
  const again = await to.read('b.jsonl')
  const isEnding = (line: string): boolean => line.includes('"ending"')
  t.strictSame(
    importable(again).filter((line) => !isEnding(line)),
    importable(text).filter((line) => !isEnding(line)),
  )
  t.match(importable(again).filter(isEnding), [/"disabled":true/], 'a pool that is being deleted is disabled')
  t.match((await to.call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })

  const repeated = await succeed(to.shell, 'ippool import a.jsonl -o json')
  t.notMatch(repeated.stdout, /"created":[1-9]/)
  await succeed(to.shell, 'ippool export c.jsonl')
  t.strictSame(comparable(await to.read('c.jsonl')), comparable(again), 'a second import changes nothing')
})

t.test('a conflict says what is there, what the file says, and what would settle it', async (t) => {
  const place = await startPlace(t)
  const { shell, call } = place
  await createPool(call, 'blue', { cidr: '10.1.0.0/24' })
  await createPool(call, 'inner', { cidr: '10.5.1.0/24' })
  await succeed(shell, 'ippool assign vm-1 -a 10.1.0.1 && ippool assign vm-2 -a 10.1.0.2 --attribute tenant=red')
  await succeed(shell, 'ippool block claim node-9 --cidr 10.1.0.64/26')
  await place.write(
    'all.jsonl',
    printed([
      pool('blue', '10.1.0.0/24', { disabled: true }),
      pool('outer', '10.5.0.0/16'),
      { kind: 'Affinity', cidr: '10.1.0.64/26', node: 'node-1', type: 'host', state: 'confirmed' },
      { kind: 'Affinity', cidr: '10.7.0.0/26', node: 'node-1', type: 'host', state: 'confirmed' },
      { kind: 'Affinity', cidr: '10.1.0.0/26', node: 'load-balancer', type: 'virtual', state: 'confirmed' },
      held('10.1.0.1', 'vm-9', { node: 'node-1', attributes: { tenant: 'blue' } }),
      held('10.1.0.2', 'vm-2'),
      held('10.1.0.3', null),
      held('10.1.0.4', 'a/b'),
      held('10.1.0.5', 'windows-reserved-ipam-handle'),
      held('10.1.0.6', 'vm-6'),
      held('10.7.0.1', 'vm-7'),
    ]),
  )
  const tried = await shell.run('ippool import all.jsonl --dry-run')
  t.equal(tried.code, 1)
  const skipped = await shell.run('ippool import all.jsonl --on-conflict skip')
  t.equal(skipped.code, 1)
  const sorted = ({ stderr }: Run): readonly string[] => stderr.split('\n').sort()
  t.strictSame(
    sorted(skipped),
    sorted(tried).filter((line) => line !== 'Dry run: nothing was changed.'),
  )
  t.equal(skipped.stdout, tried.stdout)
  const told = (line: number, what: string, there: string, said: string, remedy: string): string =>
    [
      `conflict: all.jsonl:${line}: ${what}`,
      `  there:     ${there}`,
      `  file:      ${said}`,
      `  to settle: ${remedy}`,
      '',
    ].join('\n')
  for (const text of [
    /conflict: all.jsonl:2: pools\/blue\n {2}there: {5}\{"spec":\{"cidr":"10.1.0.0\/24",.*\n {2}file: .*"disabled":true.*\n {2}to settle: change one/,
    /conflict: all.jsonl:3: pools\/outer\n {2}there: {5}the server refuses it: .*10.5.1.0\/24/,
    told(
      4,
      '10.1.0.64/26',
      'The block 10.1.0.64/26 cannot be claimed: it belongs to host:node-9.',
      'it belongs to the node node-1',
      'release the block there ("ippool block release"), or take the affinity out of the file',
    ),
    /conflict: all.jsonl:5: 10.7.0.0\/26\n {2}there: .*pool/,
    'left out: all.jsonl:6: 10.1.0.0/26: it belongs to no node\n',
    told(
      7,
      '10.1.0.1',
      '10.1.0.1 is held by the handle "vm-1"',
      'handle "vm-9", node "node-1", attributes {"tenant":"blue"}',
      'release it there, or take it out of the file',
    ),
    told(
      8,
      '10.1.0.2',
      '10.1.0.2 is held by the handle "vm-2" already, with the attributes {"tenant":"red"} instead of {}',
      'handle "vm-2"',
      'release it there and import it again, or change the file',
    ),
    told(
      9,
      '10.1.0.3',
      'nothing that could hold it: the API assigns addresses to handles',
      'no handle',
      'give it a handle in the file, or release it where the file comes from',
    ),
    /conflict: all.jsonl:10: 10.1.0.4\n {2}there: .*\n {2}file: {6}handle "a\/b"\n {2}to settle: change it in the file/,
    'left out: all.jsonl:11: 10.1.0.5: Windows nodes keep it for themselves\n',
    told(
      13,
      '10.7.0.1',
      '10.7.0.1 lies in no pool',
      'handle "vm-7"',
      'create or enable a pool that has it, or take it out of the file',
    ),
  ])
    t.match(skipped.stderr, text)
  t.match(
    (await call('GET', '/ipam/v1/addresses')).body,
    { addresses: [{ handle: 'vm-1' }, { handle: 'vm-2', attributes: { tenant: 'red' } }, { handle: 'vm-6' }] },
    'nobody has lost an address, and what was not in conflict is there',
  )

  const stopped = await shell.run('ippool import all.jsonl')
  t.equal(stopped.code, 4)
  t.match(stopped.stderr, /^conflict: all.jsonl:2: pools\/blue\n/)
  t.match(stopped.stderr, 'ippool: stopped at a conflict; what was imported before stays')
  t.notMatch(stopped.stderr, 'all.jsonl:3')
})

t.test('strict affinity, and a holder that is to take an address over, are not overridden', async (t) => {
  const place = await startPlace(t)
  const { shell, call } = place
  await createPool(call, 'blue', { cidr: '10.1.0.0/24' })
  await succeed(shell, 'ippool assign vm-1 -a 10.1.0.1 --node node-1')
  await call('PUT', '/ipam/v1/addresses/10.1.0.1/attributes', { alternate: { node: 'node-2' } })
  await succeed(shell, 'ippool configure --strict-affinity true')
  const alternate = { node: 'node-3', attributes: {} }
  await place.write(
    'a.jsonl',
    printed([held('10.1.0.1', 'vm-1', { node: 'node-1', alternate }), held('10.1.0.2', 'vm-2', { node: 'node-7' })]),
  )
  const run = await shell.run('ippool import a.jsonl --on-conflict skip')
  t.equal(run.code, 1)
  t.match(run.stderr, /all.jsonl|a.jsonl:3: 10.1.0.2\n.*strict affinity is on.*\n.*\n {2}to settle: claim its block/)
  t.match(run.stderr, /a.jsonl:2: 10.1.0.1\n {2}there: {5}the alternate holder is \["node-2",\[\]\]/)
  t.match((await call('GET', '/ipam/v1/addresses/10.1.0.1/attributes')).body, { alternate: { node: 'node-2' } })
})

t.test('an import that is killed half-way goes on when it is run again', async (t) => {
  const place = await startPlace(t)
  const { shell, call } = place
  const count = 20_000
  const entries = Array.from({ length: count }, (_, number) =>
    held(`10.1.${number >> 8}.${number & 255}`, `vm-${number}`, { node: `node-${number >> 6}` }),
  )
  await place.write('big.jsonl', printed([pool('blue', '10.1.0.0/16', { disabled: true }), ...entries]))
  const running = shell.run('ippool import big.jsonl & echo $! > pid; wait $!')
  const total = async (): Promise<number> => Number((await call('GET', '/ipam/v1/addresses?limit=1')).body['total'])
  await until('addresses are there', async () => ((await total()) >= 1_000 ? true : undefined), 60_000)
  process.kill(Number(await place.read('pid')), 'SIGKILL')
  t.equal((await running).code, 137, 'it was killed')
  const before = await total()
  t.ok(before < count, `${before} of ${count} were there`)
  t.match(
    (await call('GET', '/apis/projectcalico.org/v3/ippools/blue')).body,
    { metadata: { annotations: { 'ippoold.io/unfinished-import': 'true' } } },
    'the pool takes addresses until all are there',
  )

  const again = await succeed(shell, 'ippool import big.jsonl -o json')
  t.match(again.stdout, /"subject":"pools","created":0,"unchanged":1/)
  t.equal(await total(), count)
  const { body } = await call('GET', '/apis/projectcalico.org/v3/ippools/blue')
  t.match(body, { spec: { disabled: true } })
  t.notMatch(JSON.stringify(body), 'unfinished-import')
  await succeed(shell, 'ippool export out.jsonl')
  t.equal((await place.read('out.jsonl')).match(/"kind":"Address"/g)?.length, count)
})

t.test('a file that is not whole is refused, and nothing is changed', async (t) => {
  const place = await startPlace(t)
  const { shell, call } = place
  const whole = printed([pool('blue', '10.1.0.0/24'), held('10.1.0.1', 'vm-1'), held('10.1.0.2', 'vm-2')])
  const cases: readonly (readonly [name: string, text: string, message: RegExp])[] = [
    ['cut off', whole.slice(0, whole.indexOf('{"kind":"End"')), /cut.jsonl:4: the file is cut off/],
    ['changed', whole.replace('vm-2', 'vm-3'), /cut.jsonl:5: sha256 is .*; it must be .*: one was changed/],
    ['of something else', 'address,handle\n', /cut.jsonl:1:1: this is no JSON/],
  ]
  for (const [name, text, message] of cases) {
    await place.write('cut.jsonl', text)
    const run = await shell.run('ippool import cut.jsonl')
    t.equal(run.code, 2, name)
    t.match(run.stderr, message, name)
    t.match(run.stderr, 'Nothing was changed.')
  }
  await place.write('bad.csv', 'IP Address,DNS name\n10.1.0.1/24,a\n10.1.0.999/24,b\n')
  const run = await shell.run('ippool import --from netbox bad.csv')
  t.equal(run.code, 2)
  t.match(run.stderr, 'bad.csv:3:1: IP Address is "10.1.0.999/24"; it must be an address')
  t.match((await shell.run('ippool import nothing.jsonl')).stderr, 'nothing.jsonl cannot be read')
  t.match((await call('GET', '/ipam/v1/utilization')).body, { pools: [] })
})

t.test('prefixes of other systems make no pool where there is one', async (t) => {
  const place = await startPlace(t)
  const { shell, call } = place
  await createPool(call, 'wide', { cidr: '10.1.0.0/16' })
  await createPool(call, 'narrow', { cidr: '10.2.3.0/24' })
  await place.write(
    'p.csv',
    'Prefix,Status\n10.1.7.0/24,Active\n10.2.0.0/16,Active\n10.4.0.0/16,Active\n10.4.1.0/24,Active\n',
  )
  const run = await shell.run('ippool import --from netbox p.csv --on-conflict skip')
  t.equal(run.code, 1)
  t.match(run.stderr, 'p.csv:3: 10.2.0.0/16\n  there:     the pool narrow with 10.2.3.0/24, which overlaps it\n')
  const { pools } = (await call('GET', '/ipam/v1/utilization')).body as { pools: readonly { pool: string }[] }
  t.strictSame(
    pools.map(({ pool }) => pool),
    ['10-4-1-0-24', 'narrow', 'wide'],
    'the prefix that contains another one makes no pool either',
  )
})

t.test('who may not read policies exports everything else, and is told', async (t) => {
  const folder = await temporaryFolder(t)
  const tokens = join(folder, 'tokens.csv')
  await writeFile(tokens, 'admin-token,root,u1,"ippoold:admins"\nview-token,ann,u2,"ippoold:view"\n')
  const { servers } = await startIppoold(t, { env: { IPPOOLD_TOKEN_FILE: tokens } })
  const shell = await ippoolShell(t, servers[0]?.url)
  await succeed(shell, 'ippool --token admin-token pool create blue 10.1.0.0/24')
  const run = await succeed(shell, 'ippool --token view-token export view.jsonl')
  t.match(run.stderr, 'AccessPolicy: left out, because you may not read them')
  const [header = '', ...rest] = (await readFile(join(shell.home, 'view.jsonl'), 'utf8')).split('\n')
  t.match(header, '"forbidden":["AccessPolicy"]')
  t.match(rest, [/IPPool/, /"End"/, ''])
  t.equal((await shell.run('ippool export none.jsonl')).code, 6, 'who may read nothing exports nothing')
})

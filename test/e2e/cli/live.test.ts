import { spawnSync } from 'node:child_process'
import t from 'tap'
import { createPool, startIppoold } from '../../support/ippoold.ts'
import { ippoolShell } from '../../support/ippool.ts'
import { until } from '../../support/until.ts'

/** Commands that go on, long lists, terminals and shells. */

t.setTimeout(240_000)

const { servers, call, keys } = await startIppoold(t)
const url = servers[0]?.url
await createPool(call, 'blue', { cidr: '10.1.0.0/20' })
const shell = await ippoolShell(t, url)
const escape = '\u001b'

const isMissing = (program: string): false | string =>
  spawnSync(program, ['--version']).error === undefined ? false : `${program} is not installed`

t.test('a list of several pages is one list', async (t) => {
  for (const handle of ['one', 'two']) await call('POST', '/ipam/v1/assign', { handle, ipv4: 1024 })
  const names = (await shell.run('ippool addresses -o name')).stdout.trimEnd().split('\n')
  t.equal(new Set(names).size, 2048)
  const { stdout } = await shell.run('ippool addresses -o json')
  const list = JSON.parse(stdout) as { addresses: { address: string }[]; total: number; continue: unknown }
  t.strictSame(list.addresses.map(({ address }) => address).toSorted(), names.toSorted())
  t.match(list, { total: 2048, continue: null })
  t.equal((await shell.run('ippool addresses --sort address --limit 1500 -o csv | wc -l')).stdout.trim(), '1501')
  const table = (await shell.run('ippool addresses')).stdout.split('\n')
  t.equal(table.filter((line) => line.startsWith('ADDRESS')).length, 1)
  t.equal(table.length, 2050)
  const first = await shell.run('ippool addresses | head -1; echo "${PIPESTATUS[0]}"')
  t.match(first, { stdout: /^ADDRESS.*\n0\n$/, stderr: '' }, 'a reader that has read enough ends it quietly')
})

t.test('a list is released as it was read', async (t) => {
  await shell.run('ippool addresses --handle two -o json > two.json')
  const again = await shell.run('ippool release two -o name | wc -l; ippool assign three -n 1024 -o name | wc -l')
  t.equal(again.stdout, '1024\n1024\n')
  const stale = await shell.run('ippool release -f two.json')
  t.not(stale.code, 0, 'what was assigned anew is not released')
  t.equal((await shell.run('ippool handle three -o name | wc -l')).stdout.trim(), '1024')
  const all = await shell.run('ippool addresses -o json | ippool release -f - -o name | wc -l')
  t.equal(all.stdout.trim(), '2048', 'more than one call takes')
})

t.test('changes are printed as they happen', async (t) => {
  const watching = shell.run(
    'ippool watch handles --limit 2 & ippool watch pools --limit 2 -o json > pools.json & wait',
  )
  // A watch begins at a time that nothing tells, so the changes are made until it has ended.
  let isOver = false
  void watching.then(() => {
    isOver = true
  })
  await until('both have seen changes', async () => {
    const made = await call('POST', '/ipam/v1/assign', { handle: 'vm-1', ipv4: 2 })
    t.equal(made.status, 201)
    await call('DELETE', '/ipam/v1/handles/vm-1')
    await shell.run('ippool pool drain blue; ippool pool drain blue --undo')
    return isOver || undefined
  })
  const { stdout } = await watching
  t.match(stdout, /^TIME +CHANGE +NAME +STATE\n\S+Z +(added +vm-1 +2 addresses|deleted +vm-1 +.*)\n\S+Z +\w+ +vm-1 /)
  const events = (await shell.run('cat pools.json')).stdout.trimEnd().split('\n')
  t.match(
    events.map((line) => JSON.parse(line) as unknown),
    [
      { type: 'MODIFIED', object: { kind: 'IPPool', metadata: { name: 'blue' } } },
      { type: 'MODIFIED', object: { kind: 'IPPool' } },
    ],
  )
})

t.test('top shows how fast pools fill', async (t) => {
  const showing = shell.run('ippool top --interval 1 --count 1000 > top.txt & echo $! > pid; wait')
  const shows = (line: RegExp) => async () => line.test((await shell.run('cat top.txt')).stdout) || undefined
  await until('the pool is shown', shows(/^blue .* -$/m))
  await shell.run('ippool assign top -n 100')
  await until('it is shown to fill', shows(/^blue .* \+\d+\.\d$/m))
  await until('and that it does not any more', shows(/^blue .* \+\d+\.\d\n(.*\n)*blue .* 0\.0$/m))
  await shell.run('kill $(cat pid); ippool release top')
  t.equal((await showing).stderr, '')
})

t.test('draining and deleting wait until the last address is released', async (t) => {
  await createPool(call, 'last', { cidr: '10.9.0.0/28', blockSize: 28 })
  await call('POST', '/ipam/v1/assign', { handle: 'last', pools: ['last'] })
  let ended = 0
  const start = async (command: string) => {
    const run = await shell.run(`ippool pool ${command} last --wait`)
    ended += 1
    return run
  }
  const read = async () => (await call('GET', '/apis/projectcalico.org/v3/ippools/last')).body
  const draining = start('drain')
  await until('the pool to be disabled', async () => {
    return (((await read())['spec'] as { disabled?: boolean }).disabled ?? false) || undefined
  })
  const deleting = start('delete')
  await until('the pool to be deleted', async () => {
    return ((await read())['metadata'] as { deletionTimestamp?: string }).deletionTimestamp
  })
  t.equal(ended, 0)
  await call('DELETE', '/ipam/v1/handles/last')
  const runs = await Promise.all([draining, deleting])
  t.strictSame(
    runs.map(({ code }) => code),
    [0, 0],
  )
  t.match(runs[1].stderr, 'pool last deleted')
})

t.test('colours are for terminals, and only if they are wanted', { skip: isMissing('script') }, async (t) => {
  const atTerminal = (env: string) => shell.run(`${env} script -qec "ippool pools" /dev/null < /dev/null`)
  t.match((await atTerminal('TERM=xterm')).stdout, `${escape}[32m`)
  t.notMatch((await atTerminal('TERM=xterm NO_COLOR=1')).stdout, `${escape}[3`)
  t.notMatch((await atTerminal('TERM=dumb')).stdout, escape)
  t.notMatch((await shell.run('ippool pools')).stdout, escape)
  const live = await shell.run('(sleep 2; printf q) | TERM=xterm script -qec "ippool top" /dev/null')
  t.match(
    live.stdout,
    /\u001b\[\?1049h.*1 pools, .*\u001b\[\?1049l/s,
    'a live view has a screen of its own, and q ends it',
  )
})

t.test('what is wrong is found and repaired', async (t) => {
  const key = '/calico/ipam/v2/handle/ghost'
  await keys.putAll({ [key]: JSON.stringify({ handleID: 'ghost', block: { '10.1.0.64/26': 3 }, deleted: false }) })
  const found = await shell.run('ippool check; echo $?; ippool check -o name; ippool check -o json; echo $?')
  t.match(
    found.stdout,
    /^CODE +REPAIR +KEY +MESSAGE\nHandle\w+ +ippool repair +\/calico\/ipam\/v2\/handle\/ghost +The .*\n1\n/,
  )
  t.match(found.stdout, /"isComplete":true,"problem":null\}\n1\n$/)
  const row = /^Handle\w+ +Repaired +\/calico\/ipam\/v2\/handle\/ghost +The .*$/m
  t.match(await shell.run('ippool repair --dry-run'), { code: 0, stdout: row, stderr: /Dry run/ })
  t.match(await shell.run('ippool repair --code NodeGone'), { code: 0, stdout: '', stderr: /nothing to repair/ })
  t.match(await shell.run('ippool repair'), { code: 0, stdout: row })
  t.match(await shell.run('ippool check'), { code: 0, stdout: '', stderr: 'Everything is consistent.\n' })
})

const completions: readonly (readonly [words: string, found: readonly string[]])[] = [
  ['po', ['pools', 'pool']],
  ['pool d', ['delete', 'drain']],
  ['pool delete b', ['blue']],
  ['pool delete blue b', []],
  ['free ', ['blue']],
  ['assign vm-1 --pool b', ['blue']],
  ['assign vm-1 --part', ['--partial']],
  ['-o json poo', ['pools', 'pool']],
  ['pools -o j', ['json']],
  ['pools --output=x --out', ['--output']],
  ['watch res', ['reservations']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['__', []],
]
for (const [words, found] of completions) {
  t.test(`"ippool ${words}" is completed`, async (t) => {
    const { stdout } = await shell.run(`ippool __complete -- ${words.replace(/ $/, ' ""')} | cut -f1`)
    t.strictSame(
      stdout.split('\n').filter((line) => line !== ''),
      found,
    )
  })
}

t.test('the script for bash completes', async (t) => {
  const { stdout } = await shell.run(
    'source <(ippool completion bash); COMP_WORDS=(ippool pool dr); COMP_CWORD=2; _ippool; echo "${COMPREPLY[@]}"',
  )
  t.equal(stdout, 'drain\n')
})

t.test('so does the one for fish', { skip: isMissing('fish') }, async (t) => {
  const { stdout } = await shell.run(`fish -c 'ippool completion fish | source; complete -C "ippool pool dr"'`)
  t.match(stdout, /^drain\t/)
})

t.test('the script for zsh is one', { skip: isMissing('zsh') }, async (t) => {
  t.match(await shell.run('ippool completion zsh > _ippool && zsh -n _ippool'), { code: 0, stderr: '' })
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createPool, poolsPath, startIppoold } from '../../support/ippoold.ts'
import { type IppoolShell, ippoolShell, type Run } from '../../support/ippool.ts'

/** `pool edit`, with editors that are scripts. */

t.setTimeout(120_000)

const { servers, call } = await startIppoold(t)
await createPool(call, 'blue', { cidr: '10.1.0.0/24' })

/** Edits the pool; `editors` are scripts for the file `$1`, one for each time that the editor opens. */
async function edit(t: Test, editors: readonly string[]): Promise<Run & { readonly shell: IppoolShell }> {
  const shell = await ippoolShell(t, servers[0]?.url)
  const cases = editors.map((script, index) => `${index + 1})\n${script}\n;;`)
  const editor = `n=$(($(cat n 2>/dev/null || echo 0) + 1)); echo $n > n; cp "$1" "seen-$n"
case $n in ${cases.join('\n')}
*) echo "the editor opens once more" >&2; exit 1;; esac\n`
  await writeFile(join(shell.home, 'editor'), editor)
  return { ...(await shell.run('ippool pool edit blue', { EDITOR: 'bash editor' })), shell }
}

async function spec(): Promise<Record<string, unknown>> {
  const { body } = await call('GET', `${poolsPath}/blue`)
  return body['spec'] as Record<string, unknown>
}

t.test('what is changed in the editor is changed', async (t) => {
  const { code, stdout, shell } = await edit(t, [
    'sed -i "s/natOutgoing: .*/natOutgoing: true/; s/all()/zone == \'a\'/" "$1"; grep -q natOutgoing "$1" || echo "  natOutgoing: true" >> "$1"',
  ])
  t.match({ code, stdout }, { code: 0, stdout: 'pool blue changed\n' })
  t.match(await spec(), { natOutgoing: true, nodeSelector: "zone == 'a'" })
  const { stdout: seen } = await shell.run('cat seen-1')
  t.match(seen, /^# pool-blue: .*\nmetadata:\n {2}name: blue\nspec:\n {2}cidr: 10\.1\.0\.0\/24\n/)
  t.notMatch(seen, /uid|managedFields|resourceVersion/)
})

t.test('nothing is changed by an unchanged file, an empty one, or a failed editor', async (t) => {
  const before = await call('GET', `${poolsPath}/blue`)
  t.match(await edit(t, ['true']), { code: 0, stdout: '', stderr: 'Nothing was changed.\n' })
  t.match(await edit(t, [': > "$1"']), { code: 0, stdout: '', stderr: 'Nothing was changed.\n' })
  t.match(await edit(t, ['exit 3']), { code: 10, stderr: /the editor "bash editor" failed; nothing was changed/ })
  t.strictSame((await call('GET', `${poolsPath}/blue`)).body, before.body)
})

t.test('a value that is refused opens the editor again, with the reason', async (t) => {
  const wrong = `sed -i "s/nodeSelector: .*/nodeSelector: nonsense(/" "$1"`
  const mended = `grep -q "^# The server refuses this" "$1" && sed -i "s/nodeSelector: .*/nodeSelector: all()/" "$1"`
  const { code, shell } = await edit(t, [wrong, mended])
  t.equal(code, 0)
  t.match((await shell.run('cat seen-2')).stdout, /^# The server refuses this:\n# .*spec\.nodeSelector/)
  t.match(await spec(), { nodeSelector: 'all()' })

  const broken = await edit(t, ['echo "  - : [" >> "$1"', 'true'])
  t.match(broken, { code: 7, stderr: /The edited text is kept in \S+pool-blue\.yaml/ })
  const given = await edit(t, [wrong, 'true'])
  t.match(given, { code: 7, stderr: /spec\.nodeSelector.*\n {2}The edited text is kept in/ })
  t.match(await spec(), { nodeSelector: 'all()' })
})

/** Changes the pool as somebody else, while the editor is open. */
const meanwhile = (patch: string): string =>
  `curl -sS -X PATCH $IPPOOL_SERVER${poolsPath}/blue -H 'content-type: application/merge-patch+json' -d '${patch}' >/dev/null`

t.test('other fields that somebody else changes meanwhile stay as they are then', async (t) => {
  const { code } = await edit(t, [`${meanwhile('{"spec":{"disabled":true}}')}; sed -i "s/all()/zone == 'b'/" "$1"`])
  t.equal(code, 0)
  t.match(await spec(), { disabled: true, nodeSelector: "zone == 'b'" })
})

t.test('the same field is shown, and the editor decides', async (t) => {
  const mine = `sed -i "s/nodeSelector: .*/nodeSelector: zone == 'mine'/" "$1"`
  const { code, shell } = await edit(t, [
    `${meanwhile(`{"spec":{"nodeSelector":"zone == \\"theirs\\""}}`)}; ${mine}`,
    'true',
  ])
  t.equal(code, 0)
  const { stdout } = await shell.run('cat seen-2')
  t.match(stdout, /^# Somebody else has changed this.*\n# {3}spec\.nodeSelector is now "zone == \\"theirs\\""\n/)
  t.match(await spec(), { nodeSelector: "zone == 'mine'" })

  const given = await edit(t, [
    `${meanwhile(`{"spec":{"nodeSelector":"zone == \\"last\\""}}`)}; ${mine.replace('mine', 'late')}`,
    ': > "$1"',
  ])
  t.match(given, { code: 0, stderr: 'Nothing was changed.\n' })
  t.match(await spec(), { nodeSelector: 'zone == "last"' })
})

t.test('a pool that does not exist is not edited', async (t) => {
  const shell = await ippoolShell(t, servers[0]?.url)
  t.match(await shell.run('ippool pool edit red', { EDITOR: 'false' }), { code: 3, stderr: /"red"/ })
})

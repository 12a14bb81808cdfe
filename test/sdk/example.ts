import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { runToEnd } from '../../sdk/commands.ts'
import type { Language } from '../../sdk/languages.ts'
import { handles, pools, storedAnswers } from '../../src/model/index.ts'
import { EtcdKeys } from '../support/etcd-keys.ts'
import { startEtcd, temporaryFolder } from '../support/etcd.ts'
import { startServer } from '../support/server.ts'
import { readStoredState } from '../support/stored.ts'
import { unreliableNetwork } from './unreliable-network.ts'

/** By which the server knows an example. */
const token = 'token-of-the-examples'

/**
 * Runs the example of a language on a real server that asks for a token: over a network in which everything happens that the example is
 * prepared for, and once more over one without faults. It must print what it is there to show, and leave in etcd what it said it did.
 */
export async function testExample(t: Test, language: Language): Promise<void> {
  await language.compileExample()
  const { endpoint } = await startEtcd(t)
  const tokens = join(await temporaryFolder(t), 'tokens.csv')
  await writeFile(tokens, `${token},example,1,ippoold:edit\n`)
  const server = await startServer(t, { env: { ETCD_ENDPOINTS: endpoint, IPPOOLD_TOKEN_FILE: tokens } })
  const etcd = new EtcdKeys(t, endpoint)
  const name = `example-${language.name}`

  const network = await unreliableNetwork(t, server.url)
  t.strictSame(await printed(t, language, network.url), [
    'created the pool',
    ...['assigned 3 addresses', 'there are not as many', 'holds 10.64.0.0', 'holds 10.64.0.1', 'holds 10.64.0.2'],
    ...['somebody else changed the pool', 'replaced the pool', 'released 3 addresses'],
  ])
  t.strictSame(
    network.assigns.map(({ status }) => status),
    [201, 201, 409],
    'the lost answer was asked for again',
  )
  t.equal(network.assigns[0]?.body, network.assigns[1]?.body, 'and it was the same one')

  const stored = await etcd.dump(pools.prefix)
  t.strictSame(Object.keys(stored), [`${pools.prefix}${name}`])
  t.match(JSON.parse(Object.values(stored)[0] ?? ''), {
    metadata: { labels: { changed: 'meanwhile' } },
    spec: { cidr: '10.64.0.0/26', natOutgoing: true },
  })
  t.strictSame(await leftOf(endpoint), { held: 0, handles: 0 })
  t.equal(Object.keys(await etcd.dump(storedAnswers.prefix)).length, 1, 'one assign took effect')

  t.strictSame(await printed(t, language, server.url), [
    'the pool is there',
    ...['assigned 3 addresses', 'there are not as many', 'holds 10.64.0.0', 'holds 10.64.0.1', 'holds 10.64.0.2'],
    ...['replaced the pool', 'released 3 addresses'],
  ])
  t.strictSame(await leftOf(endpoint), { held: 0, handles: 0 })
  t.equal(Object.keys(await etcd.dump(storedAnswers.prefix)).length, 2)
  t.strictSame(Object.keys(await etcd.dump(handles.prefix)), [])
}

async function printed(t: Test, language: Language, url: string): Promise<readonly string[]> {
  const { command, args, cwd } = await language.example(url)
  const { code, output } = await runToEnd(command, args, { cwd, env: { IPAM_TOKEN: token } })
  t.equal(code, 0, `the example in ${language.name}`, { output })
  // curl's message about a lost connection is not the example's own.
  return output.split('\n').filter((line) => line !== '' && !line.startsWith('curl: '))
}

async function leftOf(endpoint: string): Promise<{ readonly held: number; readonly handles: number }> {
  const { holders, handles } = await readStoredState(endpoint)
  return { held: holders.size, handles: handles.size }
}

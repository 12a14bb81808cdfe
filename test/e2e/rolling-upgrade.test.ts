import { execFileSync, spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { freePorts } from '../../src/embedded-etcd/ports.ts'
import { AcknowledgedTraffic, readHolders, type Send } from '../support/acknowledged-traffic.ts'
import { startEtcd } from '../support/etcd.ts'
import { type Answer, HttpClient } from '../support/http-client.ts'
import { createPool } from '../support/ippoold.ts'
import { skipWithout } from '../support/prometheus.ts'
import { commandsOf, findEtcdctl, prepareRehearsal } from '../support/rehearsal.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { sectionOf } from '../support/shell-blocks.ts'
import { until } from '../support/until.ts'

/**
 * Replaces the servers of an older version one after the other under load, and goes back, with the commands of
 * docs/operations.md. The older version is the last release, else a commit of before the first one.
 */

t.setTimeout(200_000)

const root = fileURLToPath(new URL('../..', import.meta.url))
const beforeTheFirstRelease = '577ad61'
const canCurl = spawnSync('curl', ['--version']).error === undefined
const skip = canCurl ? skipWithout(await findEtcdctl()) : 'curl is not installed'

/** The commit of the older version; undefined if its files are not in this clone, as in a shallow one. */
function findOlder(): string | undefined {
  const git = (...args: readonly string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  const released = git('describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^').stdout.trim()
  const commit = released === '' ? beforeTheFirstRelease : released
  return git('cat-file', '-e', `${commit}^{tree}`).status === 0 ? commit : undefined
}

/** Puts the older version into a folder, under a version of its own. */
async function installOlder(t: Test, folder: string): Promise<string> {
  const older = findOlder()
  await mkdir(folder, { recursive: true })
  if (older === undefined) {
    t.comment('This clone has no history: both sides have the files of this version.')
    for (const name of ['bin', 'src', 'openapi', 'package.json']) {
      await cp(join(root, name), join(folder, name), { recursive: true })
    }
  } else {
    const archive = execFileSync('git', ['archive', older, 'bin', 'src', 'openapi', 'package.json'], {
      cwd: root,
      maxBuffer: 2 ** 28,
    })
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
  }
  const version = `0.0.1-${older ?? 'same'}`
  const path = join(folder, 'package.json')
  const description = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...description, version }))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  return version
}

/**
 * A client of several servers, as programs should be: it sends a call again after 503, and if nobody listens. The system resets connections
 * that are still to be accepted when a server stops to listen; with an `Idempotency-Key`, these calls can be sent again as well.
 */
class PatientClient {
  readonly #urls: readonly string[]
  #next = 0
  /** How often a call was sent again, by the reason. */
  readonly repeated = { refused: 0, notListening: 0, broken: 0 }

  constructor(urls: readonly string[]) {
    this.#urls = urls
  }

  readonly send: Send = async (method, path, body) => {
    const headers = { 'idempotency-key': crypto.randomUUID(), ...(body && { 'content-type': 'application/json' }) }
    for (let attempt = 0; attempt < 100; attempt++) {
      const url = this.#urls[this.#next++ % this.#urls.length] ?? ''
      const answer = await this.#try(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
      if (answer !== undefined && answer.status !== 503) return answer
      if (answer !== undefined) this.repeated.refused++
      await pause(50)
    }
    throw new Error(`${method} ${path} was refused for too long.`)
  }

  async #try(url: string, options: Parameters<typeof request>[1]): Promise<Answer | undefined> {
    try {
      const { statusCode, headers, body } = await request(url, options)
      return { status: statusCode, headers, body: (await body.json()) as Record<string, unknown> }
    } catch (error) {
      const isUnsent = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
      if (isUnsent) this.repeated.notListening++
      else this.repeated.broken++
      return undefined
    }
  }
}

t.test('servers are upgraded and set back one after the other, and no call fails', { skip }, async (t) => {
  const etcd = await startEtcd(t)
  const ports = await freePorts(4)
  const { folder, carryOut } = await prepareRehearsal(t, {})
  const place = join(folder, 'ippoold')
  const { version: newer } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const older = await installOlder(t, join(place, 'older'))
  await symlink(root, join(place, 'newer'))
  const use = async (version: 'older' | 'newer'): Promise<void> => {
    await rm(join(place, 'current'), { force: true })
    await symlink(version, join(place, 'current'))
  }
  const start = (index: number): Promise<TestServer> => {
    const env = {
      ETCD_ENDPOINTS: etcd.endpoint,
      IPPOOLD_PORT: String(ports[index * 2]),
      IPPOOLD_HEALTH_PORT: String(ports[index * 2 + 1]),
      IPPOOLD_DRAIN_MS: '500',
      IPPOOLD_UPKEEP_INTERVAL_SECONDS: '1',
    }
    return startServer(t, { env, program: join(place, 'current', 'bin', 'ippoold.js') })
  }
  await use('older')
  const servers = [await start(0), await start(1)]
  const urls = servers.map(({ url }) => url)
  const calls = urls.map((url) => {
    const client = new HttpClient(t, url)
    return (...request: Parameters<HttpClient['call']>) => client.call(...request)
  })
  const [call] = calls
  if (call === undefined) throw new Error('There are two servers.')
  const versions = () => Promise.all(calls.map(async (ask) => (await ask('GET', '/version')).body['ippooldVersion']))
  t.strictSame(await versions(), [older, older])
  await createPool(call, 'blue', { cidr: '10.0.0.0/16' })

  const client = new PatientClient(urls)
  const traffic = new AcknowledgedTraffic(client.send, 'early')
  const goOn = async (): Promise<void> => {
    const before = traffic.acknowledged
    await until('some traffic', () => traffic.acknowledged > before + 200 || undefined, 60_000)
  }
  const [look = '', restart = '', goBack = ''] = commandsOf(sectionOf('docs/operations.md', 'Change the version'))
  const replace = async (index: number, block: string): Promise<void> => {
    const names = { '/opt/ippoold': place, ' 0.1.0 ': ' older ', '8081': String(ports[index * 2 + 1]) }
    const restartOne = async (): Promise<void> => {
      await servers[index]?.stop()
      servers[index] = await start(index)
    }
    await carryOut(t, [block], names, { 'restart ippoold': restartOne })
    await goOn()
  }
  await goOn()
  await use('newer')
  await replace(0, restart)
  t.strictSame(await versions(), [newer, older], 'side by side')
  t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
  await replace(1, restart)
  t.strictSame(await versions(), [newer, newer])
  await carryOut(t, [look], { 'http://127.0.0.1:8080': urls[0] ?? '' })
  await replace(1, goBack)
  t.strictSame(await versions(), [newer, older])
  await replace(0, goBack)
  t.strictSame(await versions(), [older, older], 'and back')
  await traffic.stop()

  t.strictSame(traffic.failures, [], 'no call failed')
  t.comment(`${traffic.acknowledged} calls; sent again: ${JSON.stringify(client.repeated)}`)
  const { held } = traffic.certain()
  for (const ask of calls)
    t.strictSame(await readHolders(ask), held, 'every address has the holder that it was given to')
  t.match((await call('GET', '/ipam/v1/check')).body, { findings: [], isComplete: true })
})

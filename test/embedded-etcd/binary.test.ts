import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isOlder, parseVersion } from '../../src/embedded-etcd/binary.ts'
import { childEnvironment } from '../../src/embedded-etcd/environment.ts'
import { findEtcd } from '../../src/embedded-etcd/index.ts'
import { temporaryFolder } from '../support/etcd.ts'

const cachedName = `etcd-${process.platform}-${process.arch}`
const skip = process.platform === 'linux' ? false : 'packages are fetched on Linux only'

/** A machine: a folder of programs that is all of the PATH, and an empty cache. */
async function machine(t: Test) {
  const folder = await temporaryFolder(t)
  const [programs, cacheDir] = [join(folder, 'bin'), join(folder, 'cache')]
  await mkdir(programs)
  const announced: string[] = []
  const announce = (line: string): void => void announced.push(line)
  const options = { cacheDir, environment: { PATH: programs }, announce }
  return { programs, cacheDir, announced, options, find: (binary?: string) => findEtcd({ ...options, binary }) }
}

async function program(path: string, script: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

const etcd = (version: string): string => `echo "etcd Version: ${version}"`
/** Unpacks an etcd of this version out of any package. */
const dpkg = (version: string): string =>
  [
    '/bin/mkdir -p "$3/usr/bin"',
    `printf '#!/bin/sh\\necho "etcd Version: ${version}"\\n' > "$3/usr/bin/etcd"`,
    '/bin/chmod 755 "$3/usr/bin/etcd"',
  ].join('\n')
const aptGet = `case "$*" in *download*) : > etcd-server.deb;; esac`

t.test('versions are read and compared as numbers', async (t) => {
  t.strictSame(parseVersion('etcd Version: 3.4.23\nGit SHA: abc\n'), { major: 3, minor: 4, patch: 23 })
  t.strictSame(parseVersion('etcd Version: 3.6.0-rc.1'), { major: 3, minor: 6, patch: 0 })
  t.equal(parseVersion('v20.1.0'), undefined)
  const version = { major: 3, minor: 4, patch: 23 }
  for (const newer of [
    { ...version, patch: 24 },
    { ...version, minor: 10, patch: 0 },
    { major: 10, minor: 0, patch: 0 },
  ]) {
    t.ok(isOlder(version, newer))
    t.notOk(isOlder(newer, version))
  }
  t.notOk(isOlder(version, version))
})

t.test('the binary that is named wins, and must be right', async (t) => {
  const { programs, find } = await machine(t)
  await program(join(programs, 'etcd'), etcd('3.5.9'))
  const named = await program(join(programs, 'other'), etcd('3.6.1'))
  t.strictSame(await find(named), { path: named, version: { major: 3, minor: 6, patch: 1 } })
  const wrong: [string, string][] = [
    ['not there', join(programs, 'missing')],
    ['not executable', join(programs, '..')],
    ['too old', await program(join(programs, 'old'), etcd('3.4.10'))],
    ['another program', await program(join(programs, 'true'), 'exit 0')],
  ]
  for (const [name, path] of wrong)
    await t.rejects(find(path), { name: 'EtcdStartFailure', message: `IPPOOLD_ETCD_BINARY: ${path}` }, name)
  t.equal((await find(await program(join(programs, 'new enough'), etcd('3.4.11')))).version.patch, 11)
})

t.test('then comes the PATH, then the cache', async (t) => {
  const { programs, cacheDir, announced, find } = await machine(t)
  await mkdir(cacheDir)
  const cached = await program(join(cacheDir, cachedName), etcd('3.4.23'))
  t.equal((await find()).path, cached)
  const onPath = await program(join(programs, 'etcd'), etcd('3.5.9'))
  t.equal((await find()).path, onPath)
  t.strictSame(announced, [])
  await program(onPath, etcd('3.3.25'))
  t.equal((await find()).path, cached, 'one that is too old is passed over')
  t.match(announced, [/3\.3\.25/])
})

t.test("then Debian's package is fetched, once", { skip }, async (t) => {
  const { programs, cacheDir, announced, find } = await machine(t)
  await program(join(programs, 'apt-get'), aptGet)
  await program(join(programs, 'dpkg'), dpkg('3.4.23'))
  const found = await find()
  t.strictSame(found, { path: join(cacheDir, cachedName), version: { major: 3, minor: 4, patch: 23 } })
  t.match(announced, [/fetching.*etcd-server/])
  t.strictSame(await find(), found)
  t.equal(announced.length, 1)
  t.strictSame(await readdir(cacheDir), [cachedName], 'nothing else is left')
})

t.test('several processes may fetch at once', { skip }, async (t) => {
  const { programs, cacheDir, find } = await machine(t)
  await program(join(programs, 'apt-get'), aptGet)
  await program(join(programs, 'dpkg'), dpkg('3.4.23'))
  const found = await Promise.all(Array.from({ length: 5 }, () => find()))
  t.equal(new Set(found.map(({ path }) => path)).size, 1)
  t.strictSame(await readdir(cacheDir), [cachedName])
})

t.test('package lists that are missing or old are replaced by private ones', { skip }, async (t) => {
  const { programs, find } = await machine(t)
  const needsLists = `case "$*" in
    *Dir::State::lists=*update*) : > updated;;
    *Dir::State::lists=*download*) [ -e updated ] && : > etcd-server.deb;;
    *) echo 'E: Unable to locate package etcd-server' >&2; exit 100;;
  esac`
  await program(join(programs, 'apt-get'), needsLists)
  await program(join(programs, 'dpkg'), dpkg('3.4.23'))
  t.equal((await find()).version.minor, 4)
})

t.test('where nothing can be fetched, the failure says why and what helps', { skip }, async (t) => {
  const failing = `echo 'W: unimportant' >&2; echo 'E: No mirror answers.' >&2; exit 100`
  const offline = `case "$*" in *update*) echo 'W: Failed to fetch http://mirror/InRelease' >&2;; *) exit 100;; esac`
  const rows: [string, Record<string, string>, RegExp][] = [
    ['no apt-get', {}, /this system has no apt-get/],
    ['no mirror', { 'apt-get': failing }, /E: No mirror answers\.\n/],
    ['no network', { 'apt-get': offline }, /W: Failed to fetch http:\/\/mirror/],
    ['nothing fetched', { 'apt-get': 'exit 0' }, /apt-get fetched nothing/],
    ['a package that is too old', { 'apt-get': aptGet, dpkg: dpkg('3.3.25') }, /is etcd 3\.3\.25/],
    [
      'a package that is broken',
      { 'apt-get': aptGet, dpkg: `echo 'dpkg-deb: error: not a package' >&2; exit 2` },
      /not a package/,
    ],
  ]
  for (const [name, programsOfMachine, why] of rows) {
    const { programs, cacheDir, find } = await machine(t)
    for (const [file, script] of Object.entries(programsOfMachine)) await program(join(programs, file), script)
    const failure: unknown = await find().catch((error: unknown) => error)
    const message = failure instanceof Error ? failure.message : ''
    t.match(message, why, name)
    for (const help of ['apt-get install etcd-server', 'IPPOOLD_ETCD_BINARY', 'ETCD_ENDPOINTS']) t.match(message, help)
    t.strictSame(await readdir(cacheDir), [], 'nothing is left')
  }
})

t.test("etcd is not given the server's own ETCD_ variables, which it would take for flags", async (t) => {
  const environment = childEnvironment({
    PATH: '/bin',
    ETCD_CERT_FILE: 'cert',
    ETCD_ENDPOINTS: 'http://a:1',
    ETCDCTL_API: '3',
  })
  t.match(environment, { PATH: '/bin', ETCDCTL_API: '3' })
  t.notOk('ETCD_CERT_FILE' in environment || 'ETCD_ENDPOINTS' in environment)
})

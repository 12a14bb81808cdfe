import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultCacheDir } from '../../../src/config.ts'

/**
 * The kube-apiserver that the tests of the Kubernetes datastore run on. No registry of npm, PyPI or Debian has one, so it is built from
 * Go's module proxy, in the versions of `go.mod` and `go.sum` beside this file. Run as a script, this builds it into the cache unless it
 * is there: about 11 minutes of CPU time and 105 MB, once for each version of Kubernetes. With `--find` it only looks, and fails if there
 * is none.
 */

const sources = fileURLToPath(new URL('.', import.meta.url))
const folder = join(process.env['IPPOOLD_CACHE_DIR'] ?? defaultCacheDir(process.env), 'kube-apiserver')

/**
 * The kube-apiserver to test with: that of IPPOOLD_KUBE_APISERVER, or the one in the cache; undefined if there is neither. Throws if the
 * variable names no file.
 */
export function findKubeApiserver(): string | undefined {
  const given = process.env['IPPOOLD_KUBE_APISERVER']
  if (given !== undefined && !existsSync(given)) throw new Error(`IPPOOLD_KUBE_APISERVER: there is no file ${given}`)
  if (given !== undefined) return given
  const version = goVersion()
  if (version !== undefined) {
    const own = join(folder, nameOf(version))
    return existsSync(own) ? own : undefined
  }
  // Without Go nothing can be built, and whatever Go has built it once will do.
  const built = existsSync(folder) ? readdirSync(folder).find((name) => name.startsWith(nameOf('go'))) : undefined
  return built && join(folder, built)
}

/** The reason to skip a test that needs a kube-apiserver; false if there is one. */
export function skipWithoutKubeApiserver(): string | false {
  return findKubeApiserver() === undefined && 'there is no kube-apiserver: run "npm run kube-apiserver", which needs Go'
}

/** The name of the binary by what it is made of: modules, platform and Go's version, such as `go1.26.8`. */
function nameOf(goVersion: string): string {
  const modules = ['go.mod', 'go.sum'].map((name) => readFileSync(join(sources, name)))
  const digest = createHash('sha256').update(Buffer.concat(modules)).digest('hex').slice(0, 12)
  return `kube-apiserver-${digest}-${process.platform}-${process.arch}-${goVersion}`
}

/** The version of the Go that builds here; undefined if there is none. */
function goVersion(): string | undefined {
  const { status, stdout } = spawnSync('go', ['env', 'GOVERSION'], { cwd: sources, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** Builds it. Returns false if that fails. */
function build(target: string): boolean {
  const [, version = '', major = '', minor = ''] = /k8s\.io\/kubernetes v((\d+)\.(\d+)\.\d+)/.exec(goMod()) ?? []
  // Without these it calls itself v0.0.0-master, which kubectl cannot read.
  const stamp = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor }
  const stamps = Object.entries(stamp).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
  const flags = ['-mod=readonly', '-trimpath', '-ldflags', ['-s', '-w', ...stamps].join(' ')]
  mkdirSync(folder, { recursive: true })
  // Two that build at once write two drafts, and either is right.
  const draft = join(folder, `draft-${process.pid}`)
  const { status } = spawnSync('go', ['build', ...flags, '-o', draft, 'k8s.io/kubernetes/cmd/kube-apiserver'], {
    cwd: sources,
    stdio: 'inherit',
    env: { ...process.env, CGO_ENABLED: '0' },
  })
  if (status === 0) renameSync(draft, target)
  else rmSync(draft, { force: true })
  return status === 0
}

function goMod(): string {
  return readFileSync(join(sources, 'go.mod'), 'utf8')
}

if (import.meta.main) {
  const found = findKubeApiserver()
  const version = goVersion()
  if (found !== undefined) say(`kube-apiserver: ${found}`)
  else if (process.argv.includes('--find')) fail('there is no kube-apiserver in the cache: run "npm run kube-apiserver" once on this machine')
  else if (version === undefined) fail('left out: kube-apiserver; there is no Go to build it with')
  else {
    const target = join(folder, nameOf(version))
    say(`kube-apiserver: building ${target}; this takes minutes, once`)
    if (!build(target)) fail('left out: kube-apiserver; it could not be built')
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail(line: string): void {
  say(line)
  process.exitCode = 1
}

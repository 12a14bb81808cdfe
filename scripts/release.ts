import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { helm } from './manifests.ts'
import { findTool } from './tools.ts'

/**
 * Makes the files of a release in `release/`, or in the folder of `--out`: the package, the chart, the plain manifests, the OpenAPI documents,
 * the SBOM, notes from CHANGELOG.md, and checksums; with `--image` also the image, by Docker. `--snapshot` takes what is not committed and the
 * "Unreleased" of the changelog.
 */

const root = fileURLToPath(new URL('../', import.meta.url))
const { version } = packageJson

/** Returns the section of a version in the changelog. Throws if there is none. */
export function notesOf(changelog: string, name: string): string {
  const sections = changelog.split(/^(?=## \[)/m)
  const found = sections.find((section) => section.startsWith(`## [${name}]`))
  if (found === undefined) throw new Error(`CHANGELOG.md has no section "## [${name}]"`)
  return found.replace(/^.*\n+/, '')
}

function run(program: string, args: readonly string[], cwd = root): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Copies the files that git knows into a folder, so that nothing else gets into the package. */
function copySource(folder: string): void {
  for (const file of run('git', ['ls-files', '-z'])
    .split('\0')
    .filter((name) => name !== '')) {
    cpSync(join(root, file), join(folder, file), { recursive: true, verbatimSymlinks: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}

function release(out: string, isSnapshot: boolean): void {
  if (!isSnapshot && run('git', ['status', '--porcelain']) !== '')
    throw new Error('there are changes that are not committed')
  const notes = notesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), isSnapshot ? 'Unreleased' : version)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(join(tmpdir(), 'ippoold-release-'))
  try {
    const source = join(work, 'source')
    copySource(source)
    run('npm', ['pack', '--silent', '--pack-destination', out], source)
    writeFileSync(
      join(out, `ippoold-${version}.cdx.json`),
      sbomOf(join(out, `ippoold-${version}.tgz`), join(work, 'sbom')),
    )
    run('tar', ['-czf', join(out, `ippoold-kustomize-${version}.tar.gz`), '-C', join(source, 'deploy'), 'kustomize'])
    for (const name of ['ippoold', 'ippoold-3.0']) {
      copyFileSync(join(source, 'openapi', `${name}.json`), join(out, `${name}-${version}.openapi.json`))
    }
    if (findTool('helm') === undefined) say('The chart is left out: there is no helm; run "npm run tools".')
    else {
      helm('package', 'deploy/helm/ippoold', '--destination', work)
      // The package of npm has this name already.
      copyFileSync(join(work, `ippoold-${version}.tgz`), join(out, `ippoold-chart-${version}.tgz`))
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  writeFileSync(join(out, 'notes.md'), notes)
  const sums = readdirSync(out)
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    )
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''))
  say(`${out} has the release ${version}: ${readdirSync(out).join(', ')}`)
}

/**
 * Lists what the package installs here: Node is the one for this machine. From the lock alone, npm leaves out what the tools of development
 * need, too.
 */
function sbomOf(archive: string, place: string): string {
  // npm calls the application by the name of its folder.
  const folder = join(place, 'ippoold')
  mkdirSync(folder, { recursive: true })
  run('tar', ['-xzf', archive, '-C', folder, '--strip-components=1'])
  run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--silent', '--no-audit', '--no-fund'], folder)
  run('npm', ['pkg', 'delete', 'devDependencies'], folder)
  return run('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application'], folder)
}

/** Builds the image, with labels that say what it was made of. */
function buildImage(): void {
  const labels = {
    VERSION: version,
    REVISION: run('git', ['rev-parse', 'HEAD']).trim(),
    CREATED: new Date().toISOString(),
  }
  const args = Object.entries(labels).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  run('docker', ['build', '--pull', '--tag', `ippoold:${version}`, ...args, '.'])
}

if (import.meta.main) {
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({ options: { out: { type: 'string' }, snapshot: flag, image: flag } })
  // The scripts of npm run on this Node.
  process.env['PATH'] = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  release(resolve(values.out ?? join(root, 'release')), values.snapshot)
  if (values.image) buildImage()
}

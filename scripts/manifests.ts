import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments, stringify } from 'yaml'
import { findTool } from './tools.ts'

/**
 * Renders the Helm chart: the expected output of its tests, and the plain manifest for kustomize. With `--check` this writes nothing, and fails
 * if a file differs.
 */

const root = new URL('../', import.meta.url)

/** The version of Kubernetes that is rendered for: Helm takes an old one if it was built by "go install". */
const kubernetesVersion = '1.32.0'

/** An object of Kubernetes. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: unknown
}

/** What is rendered: the file, and what is in it. */
export interface Rendering {
  readonly file: string
  readonly render: () => string
}

/** All files that are made of the chart. */
export const renderings: readonly Rendering[] = [
  ...['smallest', 'full', 'kubernetes'].map((name) => ({
    file: `test/deploy/chart/${name}.yaml`,
    render: () => helmTemplate(`test/deploy/chart/${name}.values.yaml`),
  })),
  { file: 'deploy/kustomize/base/ippoold.yaml', render: plainManifest },
]

/** What Helm renders with a file of values, which is named from the root. Throws with Helm's message if it refuses. */
export function helmTemplate(values: string, ...more: readonly string[]): string {
  const where = ['--namespace', 'ippoold', '--kube-version', kubernetesVersion]
  return helm('template', 'ippoold', 'deploy/helm/ippoold', ...where, '--values', values, ...more)
}

/** Runs Helm in the root, and returns what it prints. Throws with its message if it fails. */
export function helm(...args: readonly string[]): string {
  const program = findTool('helm')
  if (program === undefined) throw new Error('there is no helm: run "npm run tools"')
  return execFileSync(program, args, { cwd: fileURLToPath(root), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Reads the objects in a text with several documents. */
export function manifestsIn(text: string): readonly Manifest[] {
  const documents = parseAllDocuments(text)
  if (!Array.isArray(documents)) return []
  return documents.map((document) => document.toJS() as Manifest | null).filter((object) => object !== null)
}

/** The chart as kustomize takes it: without what only Helm needs. */
function plainManifest(): string {
  const objects = manifestsIn(helmTemplate('deploy/kustomize/values.yaml')).map((object) => withoutHelm(object))
  const texts = objects.map((object) => stringify(object, { lineWidth: 0 }))
  return `# Made from deploy/helm/ippoold with ../values.yaml: run "npm run manifests".\n${texts.join('---\n')}`
}

/** The object without the labels that are Helm's. */
function withoutHelm<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map((one: unknown) => withoutHelm(one)) as Value
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(
    ([name]) => !/^(helm\.sh\/chart|app\.kubernetes\.io\/managed-by)$/.test(name),
  )
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutHelm<unknown>(one)])) as Value
}

if (import.meta.main) {
  for (const { file, render } of renderings) {
    const place = new URL(file, root)
    if (!process.argv.includes('--check')) writeFileSync(place, render())
    else if (readFileSync(place, 'utf8') !== render()) {
      process.stderr.write(
        `${file} differs from what the chart renders; run "npm run manifests" and review the change\n`,
      )
      process.exitCode = 1
    }
  }
}

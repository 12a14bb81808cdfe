import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import type { Manifest } from '../../scripts/manifests.ts'
import { kubernetesValidate } from '../../scripts/tools.ts'
import { temporaryFolder } from '../support/etcd.ts'

/** The fields of a Deployment that tests look at. */
export interface Deployment extends Manifest {
  readonly spec: { readonly replicas: number; readonly template: Template }
}

interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> }
  readonly spec: PodSpec
}

interface PodSpec {
  readonly securityContext: {
    readonly runAsNonRoot?: boolean
    readonly runAsUser?: number
    readonly seccompProfile?: object
  }
  readonly containers: readonly Container[]
  readonly volumes?: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[]
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly automountServiceAccountToken?: boolean
}

interface Container {
  readonly image: string
  readonly securityContext: {
    readonly allowPrivilegeEscalation?: boolean
    readonly readOnlyRootFilesystem?: boolean
    readonly privileged?: boolean
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] }
  }
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}

/** The Deployment among the objects. */
export function deploymentIn(objects: readonly Manifest[]): Deployment {
  const found = objects.find(({ kind }) => kind === 'Deployment')
  if (found === undefined) throw new Error('there is no Deployment')
  return found as Deployment
}

/** The only container of a Deployment. */
export function containerOf({ spec }: Deployment): Container {
  const [container] = spec.template.spec.containers
  if (container === undefined) throw new Error('there is no container')
  return container
}

/** Compares objects of Kubernetes itself with its OpenAPI schemas; returns what is wrong. A field that it does not know is wrong, too. */
export async function wrongIn(t: Test, objects: readonly Manifest[]): Promise<readonly string[]> {
  const own = objects.filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.coreos.com/'))
  const file = join(await temporaryFolder(t), 'objects.yaml')
  await writeFile(file, own.map((object) => stringify(object)).join('---\n'))
  const { status, stdout, stderr } = spawnSync('python3', ['-m', 'kubernetes_validate', '--strict', file], {
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: kubernetesValidate() },
  })
  const lines = `${stdout}${stderr}`.split('\n')
  const passed = lines.filter((line) => line.startsWith('INFO') && line.includes(' passed ')).length
  const wrong = lines.filter((line) => line !== '' && !line.startsWith('INFO'))
  const isWhole = status === 0 && passed === own.length
  return wrong.length > 0 || isWhole ? wrong : [`${passed} of ${own.length} objects passed, status ${String(status)}`]
}

/** What keeps pods of the Deployment out of a namespace that enforces the Pod Security Standard "restricted"; and a writable root. */
export function notRestrictedIn({ spec }: Deployment): readonly string[] {
  const pod = spec.template.spec
  const needsToken = pod.containers.some(({ env }) => env.some(({ value }) => value === 'kubernetes'))
  const volumes = new Set([
    'name',
    'configMap',
    'csi',
    'downwardAPI',
    'emptyDir',
    'persistentVolumeClaim',
    'projected',
    'secret',
  ])
  const ofPod: readonly [isWrong: boolean, what: string][] = [
    [pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true, 'it shares a namespace of the host'],
    [pod.securityContext.runAsNonRoot !== true, 'runAsNonRoot is not true'],
    [pod.securityContext.runAsUser === 0, 'runAsUser is root'],
    [JSON.stringify(pod.securityContext.seccompProfile) !== '{"type":"RuntimeDefault"}', 'no seccompProfile'],
    [pod.volumes?.some((volume) => Object.keys(volume).some((key) => !volumes.has(key))) === true, 'a volume'],
    [pod.automountServiceAccountToken !== needsToken, 'it gets a token of Kubernetes without need, or lacks it'],
  ]
  const ofContainers = pod.containers.flatMap(({ securityContext, ports }): typeof ofPod => [
    [securityContext.allowPrivilegeEscalation !== false, 'allowPrivilegeEscalation is not false'],
    [securityContext.privileged === true, 'privileged'],
    [securityContext.readOnlyRootFilesystem !== true, 'readOnlyRootFilesystem is not true'],
    [securityContext.capabilities?.drop?.includes('ALL') !== true, 'not all capabilities are dropped'],
    [securityContext.capabilities?.add !== undefined, 'capabilities are added'],
    [ports.some(({ hostPort }) => hostPort !== undefined), 'a port of the host'],
  ])
  return [...ofPod, ...ofContainers].filter(([isWrong]) => isWrong).map(([, what]) => what)
}

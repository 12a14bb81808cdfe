import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { OwnScope } from '../support/scope.ts'
import { startApiServer } from '../support/kubernetes/api-server.ts'
import { createNode, installCalico } from '../support/kubernetes/calico-cluster.ts'
import { type CalicoGroup, calicoGroups } from '../support/kubernetes/calico-definitions.ts'

/** Runs a Kubernetes API server with Calico's resources and three nodes, for trying things by hand, until Ctrl-C. */

const { values } = parseArgs({
  options: {
    /** One of Calico's groups; the one that every Calico so far has, unless given. */
    group: { type: 'string', default: 'crd.projectcalico.org' },
  },
})
const group = calicoGroups.find((group) => group === values.group)
if (group === undefined) throw new Error(`--group: ${values.group} is none of ${calicoGroups.join(', ')}`)
await serve(group)

async function serve(group: CalicoGroup): Promise<void> {
  const scope = new OwnScope()
  try {
    const server = await startApiServer(scope)
    await installCalico(server.client, group)
    for (const name of ['node-1', 'node-2', 'node-3']) await createNode(server.client, name)
    console.log(`export KUBECONFIG=${await server.kubeconfig('admin')}`)
    console.log(`# ${server.url} has ${group}; Ctrl-C ends it`)
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  } finally {
    await scope.end()
  }
}

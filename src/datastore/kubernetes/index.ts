/** A datastore on the API server of a Kubernetes cluster, where Calico keeps its data. */
export { type ApiConnection, findConnection } from './api/index.ts'
export { type KubernetesStoreOptions, openKubernetesStore } from './store.ts'

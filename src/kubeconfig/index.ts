/** Files in kubectl's format: which server, and as whom. Pure; who uses them reads the files. */
export {
  ConfigProblem,
  type Context,
  contextIn,
  type CredentialPlugin,
  isFields,
  type Kubeconfig,
  type Material,
  mergeKubeconfigs,
  readKubeconfig,
} from './kubeconfig.ts'

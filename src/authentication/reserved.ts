/** The names that Kubernetes' conventions and ippoold itself give meaning to: `system:authenticated`, `ippoold:admins`. */
const reservedPrefixes = ['system:', 'ippoold:']

/** True if a user or group with this name could be taken for one that Kubernetes' conventions or ippoold give meaning to. */
export function isReserved(name: string): boolean {
  return reservedPrefixes.some((prefix) => name.startsWith(prefix))
}

import { nearest } from './nearest.ts'
import { flagOf, goneSettings, settings } from './settings.ts'

/** Environment variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The names of a setting. */
interface Named {
  readonly variable: string
  readonly formerVariable?: string
}

/** Returns the variable that gives a setting, and its value; an empty value if the setting is not given. */
export function readVariable(
  { variable, formerVariable }: Named,
  environment: Environment,
): { readonly variable: string; readonly value: string } {
  const given = [variable, formerVariable]
    .filter((name) => name !== undefined)
    .map((name) => ({ variable: name, value: environment[name] ?? '' }))
    .find(({ variable, value }) => value !== '' && !isServiceLink(variable, value))
  return given ?? { variable, value: '' }
}

/** Finds variables that look like settings and are none, and settings that are given under both of their names. */
export function findVariableProblems(environment: Environment): string[] {
  const all: readonly Named[] = Object.values(settings)
  const known = all.flatMap(({ variable, formerVariable }) => [variable, formerVariable])
  const unknown = Object.entries(environment).filter(
    ([name, value = '']) =>
      /^(IPPOOLD|ETCD)_/.test(name) && value !== '' && !known.includes(name) && !isServiceLink(name, value),
  )
  const doubled = all.filter(({ variable, formerVariable = '' }) => {
    const [value, former] = [environment[variable], environment[formerVariable]]
    return value && former && value !== former
  })
  return [
    ...unknown.map(([name]) => {
      const instead = goneSettings.get(name)
      return instead === undefined
        ? `${name}: there is no such setting; ${adviceFor(name, all)}`
        : `${name}: is gone; ${instead}`
    }),
    ...doubled.map(
      ({ variable, formerVariable = '' }) => `${variable}, ${formerVariable}: are one setting; give ${variable} alone`,
    ),
  ]
}

function adviceFor(name: string, all: readonly Named[]): string {
  // Flags have no prefix, so IPPOOLD_ETCD_ENDPOINTS is near to ETCD_ENDPOINTS.
  const flag = nearest(flagOf({ variable: name }), all.map(flagOf))
  const meant = all.find((setting) => flagOf(setting) === flag)
  return meant === undefined ? 'unset it, or see --help' : `did you mean ${meant.variable}?`
}

/**
 * True for what Kubernetes puts into the environment of a pod for a Service called `ippoold` or `etcd`. For the first port of `ippoold` it
 * is even the name of a setting.
 */
function isServiceLink(name: string, value: string): boolean {
  const isLink = /_SERVICE_(HOST|PORT|PORT_\w+)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)
  return isLink || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\/[^/]+:\d+$/.test(value))
}

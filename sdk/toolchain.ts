import { versionOf } from './commands.ts'
import type { Language } from './languages.ts'

/** The tools for a language that are on this machine. */
export interface Toolchain {
  /** The version that each tool prints. */
  readonly versions: Readonly<Record<string, string>>
  readonly missing: readonly string[]
}

/** Looks for the tools of `language`. */
export async function toolchainOf({ toolchain }: Language): Promise<Toolchain> {
  const versions: Record<string, string> = {}
  const missing: string[] = []
  for (const [name, command] of Object.entries(toolchain)) {
    const version = await versionOf(command)
    if (version === undefined) missing.push(name)
    else versions[name] = version
  }
  return { versions, missing }
}

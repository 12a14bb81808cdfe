import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Runs all tests of a folder of `test/` in this process, one file after the other: loading the code and the test runner takes longer than
 * most of the files do. A failure names its file and line. Code of the folder of the same name that no test loads counts as not covered.
 * Folders in `without` have a process of their own.
 */
export async function runTestsOf(
  folder: string,
  { without = [] }: { without?: readonly string[] } = {},
): Promise<void> {
  for (const path of filesBelow('src', folder)) await import(path)
  const others = without.map((name) => `/test/${folder}/${name}/`)
  for (const path of filesBelow('test', folder)) {
    if (path.endsWith('.test.ts') && !others.some((other) => path.includes(other))) await import(path)
  }
}

function filesBelow(...parts: readonly string[]): string[] {
  const folder = join(root, ...parts)
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
    .map((name) => pathToFileURL(join(folder, name)).href)
}

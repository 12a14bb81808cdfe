import { existsSync } from 'node:fs'

const core = /^test\/(net|selector|model|ipam|resources)\/(.+)\.test\.ts$/

/**
 * Which source file a test file must cover: of the core folders the one it mirrors, `test/net/cidr.test.ts` -> `src/net/cidr.ts`.
 * What one file's test happens to run of another file does not count. No other test is asked for coverage.
 *
 * @param {string} test path of the test file, from the root of the repository
 * @returns {string | null} path of the source file; null when the test covers no file of its own
 */
export default function coverageMap(test) {
  const mirrored = core.exec(test)
  if (mirrored === null) return null
  const source = `src/${mirrored[1]}/${mirrored[2]}.ts`
  return existsSync(source) ? source : null
}

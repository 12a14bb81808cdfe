/** The folders that their own tests cover fully: what is decided about addresses is decided there. */
const core = ['plan', 'net', 'selector', 'model', 'access', 'ipam', 'resources']

/**
 * Which source files a run of tests must cover: the tests of all core folders together (test/groups), the core folders.
 *
 * @param {string} test path of the test file, from the root of the repository
 * @returns {string[] | null} globs of source files; null when the run need not cover anything
 */
export default function coverageMap(test) {
  const [, folder] = /^test\/groups\/(\w+)\.ts$/.exec(test) ?? []
  return folder !== undefined && core.includes(folder) ? core.map((name) => `src/${name}/**/*.ts`) : null
}

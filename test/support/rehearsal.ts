import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { findEtcd } from '../../src/embedded-etcd/index.ts'
import { temporaryFolder, whereEtcdIs } from './etcd.ts'
import { findProgram, type Found, pathOf } from './prometheus.ts'
import { carryOutBlock, firstMissing, shellBlocksOf, stepsOf } from './shell-blocks.ts'

const root = fileURLToPath(new URL('../../bin', import.meta.url))

/** What stands in a page, and in this test. */
export type Names = Readonly<Record<string, string>>

/** How the units of systemd are started and stopped here. */
export type Units = Readonly<Record<`${'start' | 'stop' | 'restart'} ${string}`, () => Promise<unknown>>>

/** Where the commands of a page run. */
export interface Rehearsal {
  /** The folder in which they run. */
  readonly folder: string
  /**
   * Carries out the blocks of a text, one after the other, with `names` replaced, and expects what they print. `systemctl` is this test's,
   * and `chown` does nothing.
   */
  carryOut(t: Test, blocks: readonly string[], names?: Names, units?: Units): Promise<void>
}

/** etcd's tool, which some commands need. */
export function findEtcdctl(): Promise<Found> {
  return findProgram('etcdctl', 'etcd-client', ['version'])
}

/** Prepares a folder with the programs of a page: etcd's and ours. `env` is added to their environment. */
export async function prepareRehearsal(t: Test, env: Readonly<Record<string, string>>): Promise<Rehearsal> {
  const folder = await temporaryFolder(t)
  const programs = join(folder, 'programs')
  await mkdir(programs)
  const { cacheDir } = whereEtcdIs()
  const etcd = await findEtcd(whereEtcdIs())
  const etcdctl = pathOf(await findEtcdctl())
  const links = {
    ippool: join(root, 'ippool.js'),
    ippoold: join(root, 'ippoold.js'),
    etcd: etcd.path,
    ...(etcdctl.includes('/') && { etcdctl }),
    chown: '/bin/true',
  }
  for (const [name, path] of Object.entries(links)) await symlink(path, join(programs, name))
  const environment = {
    PATH: [programs, dirname(process.execPath), process.env['PATH'] ?? ''].join(':'),
    HOME: folder,
    LC_ALL: 'C.UTF-8',
    IPPOOLD_CACHE_DIR: cacheDir,
    ETCDCTL_API: '3',
    ...env,
  }
  return {
    folder,
    carryOut: async (t, blocks, names = {}, units = {}) => {
      for (const block of blocks) {
        let output = ''
        for (const part of partsOf(translate(block, names))) {
          const [, unit] = /^systemctl (\w+ \w+)$/.exec(part.trim()) ?? []
          if (unit === undefined) {
            const done = await carryOutBlock(part, { env: environment, cwd: folder })
            output += done.output
            t.equal(done.failure, undefined, part.trim(), { output: done.output })
          } else {
            const act = Object.entries(units).find(([name]) => name === unit)?.[1]
            if (act === undefined) throw new Error(`This test cannot ${unit}.`)
            await act()
          }
        }
        const expected = stepsOf(`\`\`\`sh\n${translate(block, names)}\`\`\`\n`).flatMap((step) => step.expected)
        t.equal(firstMissing(output, expected), undefined, 'and prints what it should', { output, block })
      }
    },
  }
}

function translate(text: string, names: Names): string {
  return Object.entries(names).reduce((all, [name, here]) => all.replaceAll(name, here), text)
}

/** The commands of a block: those for systemd apart from the others. */
function partsOf(block: string): readonly string[] {
  return block.split(/^(systemctl .*\n)/m).filter((part) => part.trim() !== '')
}

/** The blocks of a text that are commands, and not only variables. */
export function commandsOf(text: string): readonly string[] {
  return shellBlocksOf(text).filter((block) => !block.split('\n').every((line) => line === '' || /^export /.test(line)))
}

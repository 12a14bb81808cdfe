import { setTimeout as pause } from 'node:timers/promises'
import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { type Answer, answerTo, type Api, given, isFields, type Schemas } from '../api/index.ts'
import { Refused, usageFailure } from '../failures.ts'
import { type Io, note, readInput } from '../io.ts'
import { printBar, printCount, type Layout } from '../output/index.ts'
import { type Cli, repeatable, type Session } from '../session.ts'
import { edit } from './editing.ts'
import type { Fields } from './merge-patch.ts'
import {
  choicesOption,
  countOption,
  dryNote,
  dryRunFlag,
  dryRunOf,
  examples,
  keyFlag,
  listOf,
  listOption,
  poolUses,
  readPairs,
} from './options.ts'
import { poolLayout } from './layouts.ts'

const poolPath = '/apis/projectcalico.org/v3/ippools/{name}'
const modes = ['Always', 'CrossSubnet', 'Never'] as const satisfies readonly Schemas['EncapsulationMode'][]
const pollMs = 1_000

/** `pools` and `pool`. */
export function addPoolCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('pools')
    .description('list pools, and how full they are')
    .argument('[pool...]', 'only these, by name or CIDR')
    .addHelpText(
      'after',
      examples([
        ['ippool pools', 'all pools'],
        ['ippool pools blue -o wide', 'one, with blocks, cooling and reserved addresses'],
      ]),
    )
    .action(async (pools) => {
      const session = cli.session()
      const query = pools.length === 0 ? {} : { pools }
      const answer = await answerTo((await session.api()).GET('/ipam/v1/utilization', { params: { query } }))
      const { pools: rows, unreadablePools } = answer.data
      await session.printRows(
        poolLayout,
        rows,
        answer,
        'There are no pools. "ippool pool create --help" shows how to make one.',
      )
      if (unreadablePools.length > 0)
        note(session.io, `These pools cannot be read: ${unreadablePools.join(', ')}. See "ippool check".`)
    })

  const pool = program.command('pool').description('create, show, edit, delete, split or drain a pool')
  addCreate(pool, cli)
  pool
    .command('show')
    .description('print a pool with all its fields')
    .argument('<pool>', 'its name')
    .addHelpText('after', examples([['ippool pool show blue', 'as YAML']]))
    .action(async (name) => {
      const session = cli.session()
      const answer = await answerTo((await session.api()).GET(poolPath, { params: { path: { name } } }))
      if (session.format('yaml') === 'yaml') await printYaml(session, answer.data)
      else await session.printThing(poolObjectLayout, answer.data, answer)
    })
  pool
    .command('edit')
    .description('edit a pool in $EDITOR')
    .argument('<pool>', 'its name')
    .addHelpText('after', examples([['EDITOR=nano ippool pool edit blue', 'open it as YAML, and save to change it']]))
    .action(async (name) => {
      const session = cli.session()
      const api = await session.api()
      const answer = await edit(session.io, {
        name: `pool-${name}`,
        read: async () => editable((await answerTo(api.GET(poolPath, { params: { path: { name } } }))).data),
        change: (patch) => patchPool(api, name, patch),
      })
      if (answer === undefined) note(session.io, 'Nothing was changed.')
      else await session.printDone(`pool ${name} changed`, [name], answer)
    })
  addDelete(pool, cli)
  addSplit(pool, cli)
  addDrain(pool, cli)
}

const poolObjectLayout: Layout<Schemas['IPPool']> = {
  name: ({ metadata }) => metadata.name ?? '',
  columns: [
    { name: 'name', value: ({ metadata }) => metadata.name },
    { name: 'cidr', header: 'CIDR', value: ({ spec }) => spec.cidr },
    { name: 'blockSize', value: ({ spec }) => spec.blockSize },
    { name: 'disabled', value: ({ spec }) => spec.disabled === true },
    { name: 'nodeSelector', value: ({ spec }) => spec.nodeSelector },
    { name: 'namespaceSelector', value: ({ spec }) => spec.namespaceSelector },
    { name: 'allowedUses', value: ({ spec }) => spec.allowedUses?.join(', ') },
    { name: 'assignmentMode', value: ({ spec }) => spec.assignmentMode },
    { name: 'createdAt', value: ({ metadata }) => metadata.creationTimestamp },
    { name: 'deletedAt', value: ({ metadata }) => metadata.deletionTimestamp },
  ],
}

function addCreate(pool: CommandUnknownOpts, cli: Cli): void {
  pool
    .command('create')
    .description('create a pool')
    .argument('[name]', 'its name')
    .argument('[cidr]', 'its range')
    .option('-f, --file <file>', 'an IPPool as YAML or JSON (- for standard input), instead of name, range and flags')
    .addOption(countOption('--block-size <length>', 'prefix length of its blocks', 0, 128))
    .option('--node-selector <selector>', 'which nodes get addresses from it')
    .option('--namespace-selector <selector>', 'for which namespaces')
    .addOption(choicesOption('--use <use>', 'what its addresses are for', poolUses))
    .option('--manual', 'assign only addresses that are named')
    .option('--nat-outgoing', 'masquerade packets to the outside')
    .option('--disabled', 'assign nothing yet')
    .addOption(new Option('--ipip-mode <mode>', 'when IP in IP is used').choices(modes))
    .addOption(new Option('--vxlan-mode <mode>', 'when VXLAN is used').choices(modes))
    .addOption(listOption('-l, --label <name=value>', 'labels'))
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool pool create blue 10.1.0.0/16', 'with defaults'],
        ['ippool pool create six fd00::/64 --block-size 122 -l team=net', 'IPv6, with a label'],
        ['ippool pool create -f pool.yaml --dry-run', 'see whether a file is right'],
      ]),
    )
    .action(async (name, cidr, options) => {
      const session = cli.session()
      const api = await session.api()
      const body = options.file === undefined ? poolOf(name, cidr, options) : await poolIn(session.io, options.file)
      if (options.file !== undefined && name !== undefined)
        throw usageFailure('a file has the name and range of the pool in it')
      const query = given({ dryRun: dryRunOf(options.dryRun), fieldValidation: 'Strict' as const })
      const answer = await answerTo(api.POST('/apis/projectcalico.org/v3/ippools', { params: { query }, body }))
      const created = answer.data.metadata.name ?? ''
      await session.printDone(`pool ${created} created${dryNote(options.dryRun)}`, [created], answer)
    })
}

interface PoolFlags {
  readonly blockSize?: number | undefined
  readonly nodeSelector?: string | undefined
  readonly namespaceSelector?: string | undefined
  readonly use?: readonly Schemas['PoolUse'][] | undefined
  readonly manual?: true | undefined
  readonly natOutgoing?: true | undefined
  readonly disabled?: true | undefined
  readonly ipipMode?: Schemas['EncapsulationMode'] | undefined
  readonly vxlanMode?: Schemas['EncapsulationMode'] | undefined
  readonly label?: readonly string[] | undefined
}

function poolOf(name: string | undefined, cidr: string | undefined, flags: PoolFlags): Schemas['IPPool'] {
  if (name === undefined || cidr === undefined)
    throw usageFailure('a pool needs a name and a range', 'As in: ippool pool create blue 10.1.0.0/16')
  const { manual, use, label, ...fields } = flags
  const { blockSize, nodeSelector, namespaceSelector, natOutgoing, disabled, ipipMode, vxlanMode } = fields
  return {
    metadata: { name, ...given({ labels: readPairs(label) }) },
    spec: {
      cidr,
      ...given({ blockSize, nodeSelector, namespaceSelector, natOutgoing, disabled, ipipMode, vxlanMode }),
      ...given({ allowedUses: listOf(use), assignmentMode: manual === true ? ('Manual' as const) : undefined }),
    },
  }
}

async function poolIn(io: Io, file: string): Promise<Schemas['IPPool']> {
  const text = await readInput(io, file).catch((problem: unknown) => {
    throw usageFailure(`${file} cannot be read: ${problem instanceof Error ? problem.message : String(problem)}`)
  })
  const { parse } = await import('yaml')
  let content: unknown
  try {
    content = parse(text)
  } catch (problem) {
    throw usageFailure(
      `${file} is neither YAML nor JSON: ${problem instanceof Error ? problem.message : String(problem)}`,
    )
  }
  if (!isPool(content)) throw usageFailure(`${file} is no IPPool: it must have metadata and spec`)
  return content
}

/** True if the value has the shape of a pool. The server reports everything that is wrong with it. */
function isPool(value: unknown): value is Schemas['IPPool'] {
  return isFields(value) && isFields(value['metadata']) && isFields(value['spec'])
}

function addDelete(pool: CommandUnknownOpts, cli: Cli): void {
  pool
    .command('delete')
    .description('delete a pool; while addresses of it are held, it assigns none, and waits for their release')
    .argument('<pool>', 'its name')
    .option('--wait', 'wait until it is gone')
    .option(...dryRunFlag)
    .addHelpText('after', examples([['ippool pool delete blue --wait', 'return when its last address is released']]))
    .action(async (name, options) => {
      const session = cli.session()
      const api = await session.api()
      const query = given({ dryRun: dryRunOf(options.dryRun) })
      const answer = await answerTo(api.DELETE(poolPath, { params: { path: { name }, query } }))
      const isGone = answer.data.kind === 'Status'
      const done = isGone ? `pool ${name} deleted` : `pool ${name} waits until its addresses are released`
      await session.printDone(`${done}${dryNote(options.dryRun)}`, [name], answer)
      if (isGone || options.wait !== true || options.dryRun === true) return
      for (;;) {
        const inUse = await usageOf(api, name)
        if (inUse === undefined) break
        session.progress.show(progressOf(session, inUse))
        await pause(pollMs)
      }
      session.progress.end()
      note(session.io, `pool ${name} deleted`)
    })
}

function addSplit(pool: CommandUnknownOpts, cli: Cli): void {
  pool
    .command('split')
    .description('split a pool into equal ones; addresses stay with their handles')
    .argument('<pool>', 'its name')
    .argument('<parts>', 'how many: a power of two')
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText('after', examples([['ippool pool split blue 4 --dry-run', 'see the names and ranges of the parts']]))
    .action(async (name, parts, options) => {
      const session = cli.session()
      if (!/^\d{1,3}$/.test(parts)) throw usageFailure(`${JSON.stringify(parts)} is no number of parts`)
      const query = given({ dryRun: dryRunOf(options.dryRun) })
      const params = { path: { name }, query, header: repeatable(options.idempotencyKey) }
      const body = { parts: Number(parts) }
      const answer = await answerTo((await session.api()).POST('/ipam/v1/pools/{name}/split', { params, body }))
      await session.printRows(partLayout, answer.data.parts, answer, 'There are no parts.')
      if (options.dryRun === true) note(session.io, 'Dry run: nothing was changed.')
    })
}

const partLayout: Layout<Schemas['PoolPart']> = {
  name: ({ name }) => name,
  columns: [
    { name: 'pool', value: ({ name }) => name },
    { name: 'cidr', value: ({ cidr }) => cidr },
  ],
}

function addDrain(pool: CommandUnknownOpts, cli: Cli): void {
  pool
    .command('drain')
    .description('disable a pool, so that it assigns nothing; what is held stays held')
    .argument('<pool>', 'its name')
    .option('--wait', 'wait until no address of it is in use')
    .option('--undo', 'enable it again')
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool pool drain blue --wait', 'return when nothing of it is in use'],
        ['ippool addresses --pool blue', 'see who still holds something'],
        ['ippool pool drain blue --undo', 'let it assign addresses again'],
      ]),
    )
    .action(async (name, options) => {
      const session = cli.session()
      const api = await session.api()
      const isDisabled = options.undo !== true
      const query = given({ dryRun: dryRunOf(options.dryRun) })
      const answer = await patchPool(api, name, { spec: { disabled: isDisabled } }, query)
      const done = isDisabled ? 'assigns no more addresses' : 'assigns addresses'
      await session.printDone(`pool ${name} ${done}${dryNote(options.dryRun)}`, [name], answer)
      if (!isDisabled) return
      let use = await usageOf(api, name)
      while (options.wait === true && options.dryRun !== true && use !== undefined && use.inUse !== '0') {
        session.progress.show(progressOf(session, use))
        await pause(pollMs)
        use = await usageOf(api, name)
      }
      session.progress.end()
      if (use !== undefined)
        note(session.io, `${printCount(use.inUse)} of ${printCount(use.capacity)} addresses are in use`)
    })
}

function progressOf({ style }: Session, { inUse, percentInUse }: Schemas['PoolUtilization']): string {
  return `${printBar(percentInUse, style)}   ${printCount(inUse)} in use`
}

/** Returns the utilization of a pool; undefined if the pool no longer exists. */
async function usageOf(api: Api, name: string): Promise<Schemas['PoolUtilization'] | undefined> {
  try {
    const query = { pools: [name] }
    const { data } = await answerTo(api.GET('/ipam/v1/utilization', { params: { query } }))
    return data.pools[0]
  } catch (problem) {
    const reason = problem instanceof Refused ? problem.status.reason : undefined
    // A name that is not known is a wrong value there.
    if (reason === 'NotFound' || reason === 'Invalid') return undefined
    throw problem
  }
}

function patchPool(
  api: Api,
  name: string,
  patch: Fields,
  query: { dryRun?: 'All' } = {},
): Promise<Answer<Schemas['IPPool']>> {
  const headers = { 'content-type': 'application/merge-patch+json' }
  const params = { path: { name }, query: { ...query, fieldValidation: 'Strict' as const } }
  return answerTo(api.PATCH(poolPath, { params, headers, body: { ...patch } }))
}

/** Returns the fields that a person may change, and the version that they have seen. */
function editable({ metadata, spec }: Schemas['IPPool']): Fields {
  const { name, resourceVersion, labels, annotations, finalizers } = metadata
  return { metadata: given({ name, labels, annotations, finalizers, resourceVersion }), spec }
}

async function printYaml(session: Session, pool: Schemas['IPPool']): Promise<void> {
  const { managedFields: _, ...metadata } = pool.metadata
  const { stringify } = await import('yaml')
  const { kind, apiVersion, spec, status } = pool
  session.print(stringify({ apiVersion, kind, metadata, spec, status }, { lineWidth: 0 }))
}

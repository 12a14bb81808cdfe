import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { answerTo, given, type Schemas } from '../api/index.ts'
import { exitCodes } from '../failures.ts'
import { note } from '../io.ts'
import type { Layout } from '../output/index.ts'
import { type Cli, isRowFormat, repeatable, type Session } from '../session.ts'
import { tellDryRun } from './assignments.ts'
import { countOption, dryRunFlag, dryRunOf, examples, keyFlag } from './options.ts'
import { allRows, pagesOf } from './pages.ts'
import { blockLayout, countColumn, printPairs } from './layouts.ts'

/** A node, and what its blocks hold. */
interface NodeRow {
  readonly node: string
  readonly blocks: number
  readonly inUse: bigint
  readonly capacity: bigint
  /** Undefined if there is no object of kind Node. */
  readonly labels: Readonly<Record<string, string>> | undefined
}

const nodeLayout: Layout<NodeRow> = {
  name: ({ node }) => node,
  columns: [
    { name: 'node', value: ({ node }) => node },
    { name: 'blocks', value: ({ blocks }) => blocks, isRight: true },
    countColumn('inUse', ({ inUse }) => String(inUse)),
    countColumn('capacity', ({ capacity }) => String(capacity)),
    { name: 'labels', value: ({ labels }) => printPairs(labels), isWide: true },
    { name: 'isRegistered', value: ({ labels }) => labels !== undefined, isWide: true },
  ],
}

/** `nodes`, `node`, `blocks` and `block`. */
export function addNodeCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('nodes')
    .description('list nodes, and the addresses in use in their blocks')
    .option('-l, --selector <selector>', 'only those with these labels')
    .addHelpText(
      'after',
      examples([
        ['ippool nodes -o wide', 'with labels'],
        ['ippool nodes -l zone=a', 'of one zone'],
      ]),
    )
    .action(async ({ selector: labelSelector }) => {
      const session = cli.session()
      const api = await session.api()
      const nodes = {
        read: (page: object) =>
          answerTo(
            api.GET('/apis/projectcalico.org/v3/nodes', { params: { query: given({ labelSelector, ...page }) } }),
          ),
        rowsIn: ({ items }: Schemas['NodeList']) => items,
        nextIn: ({ metadata }: Schemas['NodeList']) => metadata.continue,
      }
      if (!isRowFormat(session.format())) return session.printPages({ name: () => '', columns: [] }, pagesOf(nodes), '')
      const blocks = allRows({
        read: (page) => answerTo(api.GET('/ipam/v1/blocks', { params: { query: given({ ...page }) } })),
        rowsIn: (body) => body.blocks,
        nextIn: (body) => body.continue,
      })
      const rows = rowsOf(await allRows(nodes), await blocks, labelSelector !== undefined)
      return session.printRows(nodeLayout, rows, { data: {}, text: '' }, 'There are no nodes.')
    })

  const node = program.command('node').description('remove a node')
  node
    .command('remove')
    .description('release the blocks of a node that is gone and, on request, its addresses')
    .argument('<node>', 'the node')
    .option('--release-addresses', 'also release the addresses that it uses')
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText('after', examples([['ippool node remove node-7 --release-addresses --dry-run', 'see what would go']]))
    .action(async (name, options) => {
      const session = cli.session()
      const query = given({ releaseAddresses: options.releaseAddresses, dryRun: dryRunOf(options.dryRun) })
      const params = { path: { node: name }, query, header: repeatable(options.idempotencyKey) }
      const answer = await answerTo((await session.api()).DELETE('/ipam/v1/nodes/{node}', { params }))
      const { addresses, affinities, isComplete } = answer.data
      const lines = [
        ...addresses.released.map((address) => ({ what: address, outcome: 'released' })),
        ...addresses.failed.map(({ address, message }) => ({ what: address, outcome: `not released: ${message}` })),
        ...addresses.left.map((address) => ({ what: address, outcome: 'left: still held' })),
        ...outcomesOf(affinities),
      ]
      await session.printRows(outcomeLayout, lines, answer, `The node ${name} has no blocks and no addresses.`)
      endChange(session, isComplete && addresses.failed.length + affinities.failed.length === 0, answer.data)
    })
  addBlockCommands(program, cli)
}

function addBlockCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('blocks')
    .description('list blocks: which node has them, and how full they are')
    .option('--pool <pool>', 'of this pool, by name or CIDR')
    .option('--node <node>', 'of this node')
    .option('--orphaned', 'only those that lie in no pool')
    .addOption(countOption('--limit <count>', 'the first ones only', 1, 1e9))
    .addHelpText('after', examples([['ippool blocks --node node-1 -o wide', 'with affinities']]))
    .action(async ({ pool, node, orphaned, limit: max }) => {
      const session = cli.session()
      const api = await session.api()
      const pages = pagesOf({
        read: (page) =>
          answerTo(api.GET('/ipam/v1/blocks', { params: { query: given({ pool, node, orphaned, ...page }) } })),
        rowsIn: ({ blocks }) => blocks,
        nextIn: (body) => body.continue,
        max,
      })
      await session.printPages(blockLayout, pages, 'There are no such blocks.')
    })

  const block = program.command('block').description('claim blocks for a node, or release them')
  block
    .command('claim')
    .description('give blocks to a node before it needs addresses')
    .argument('<node>', 'the node')
    .option('--cidr <cidr>', 'a block or a range of blocks')
    .option('--pool <pool>', 'all blocks of this pool')
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText('after', examples([['ippool block claim node-1 --cidr 10.1.0.0/26', 'one block']]))
    .action(async (node, { cidr, pool, dryRun, idempotencyKey }) => {
      const session = cli.session()
      const params = { query: given({ dryRun: dryRunOf(dryRun) }), header: repeatable(idempotencyKey) }
      const body = { node, ...given({ cidr, pool }) }
      const answer = await answerTo((await session.api()).POST('/ipam/v1/affinities', { params, body }))
      const { claimed, unchanged, failed, isComplete } = answer.data
      const lines = [
        ...claimed.map((what) => ({ what, outcome: 'claimed' })),
        ...unchanged.map((what) => ({ what, outcome: 'was claimed already' })),
        ...failed.map((one) => ({ what: one.block, outcome: `not claimed: ${one.message}` })),
      ]
      await session.printRows(outcomeLayout, lines, answer, 'There are no such blocks.')
      endChange(session, isComplete && failed.length === 0, answer.data)
    })
  block
    .command('release')
    .description('end the affinities of blocks; addresses in them stay held')
    .option('--node <node>', 'of this node')
    .option('--cidr <cidr>', 'a block or a range of blocks')
    .option('--pool <pool>', 'of this pool')
    .option('--only-if-empty', 'leave blocks with addresses in use alone')
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText('after', examples([['ippool block release --node node-1 --only-if-empty', 'its empty blocks']]))
    .action(async ({ node, cidr, pool, onlyIfEmpty, dryRun, idempotencyKey }) => {
      const session = cli.session()
      const query = given({ node, cidr, pool, onlyIfEmpty, dryRun: dryRunOf(dryRun) })
      const params = { query, header: repeatable(idempotencyKey) }
      const answer = await answerTo((await session.api()).DELETE('/ipam/v1/affinities', { params }))
      await session.printRows(outcomeLayout, outcomesOf(answer.data), answer, 'There are no such blocks.')
      endChange(session, answer.data.isComplete && answer.data.failed.length === 0, answer.data)
    })
}

interface Outcome {
  readonly what: string
  readonly outcome: string
}

const outcomeLayout: Layout<Outcome> = {
  name: ({ what }) => what,
  columns: [
    { name: 'what', value: ({ what }) => what },
    { name: 'outcome', value: ({ outcome }) => outcome },
  ],
}

function outcomesOf({ released, stale, failed }: Schemas['ForgottenNodeBlocks']): readonly Outcome[] {
  return [
    ...released.map(({ block, isDeleted }) => ({ what: block, outcome: isDeleted ? 'released, deleted' : 'released' })),
    ...stale.map(({ block }) => ({ what: block, outcome: 'affinity without a block removed' })),
    ...failed.map(({ block, message }) => ({ what: block, outcome: `not released: ${message}` })),
  ]
}

function endChange(session: Session, isDone: boolean, answer: { readonly isComplete: boolean }): void {
  if (!isDone) session.exitCode = exitCodes.no
  if (!answer.isComplete) note(session.io, 'The call was interrupted. Run the command again for the rest.')
  tellDryRun(session, answer)
}

/** Joins nodes with their blocks; `isSelected` leaves out nodes that are known by their blocks only. */
function rowsOf(
  nodes: readonly Schemas['Node'][],
  blocks: readonly Schemas['BlockUtilization'][],
  isSelected: boolean,
): readonly NodeRow[] {
  const labels = new Map(nodes.map(({ metadata }) => [metadata.name ?? '', metadata.labels ?? {}]))
  const blocksOf = new Map<string, Schemas['BlockUtilization'][]>()
  for (const block of blocks) {
    if (block.node !== null) blocksOf.set(block.node, [...(blocksOf.get(block.node) ?? []), block])
  }
  const names = isSelected ? labels.keys() : new Set([...labels.keys(), ...blocksOf.keys()])
  return [...names].toSorted().map((node) => {
    const own = blocksOf.get(node) ?? []
    const sum = (figure: 'inUse' | 'capacity') => own.reduce((total, block) => total + BigInt(block[figure]), 0n)
    return { node, blocks: own.length, inUse: sum('inUse'), capacity: sum('capacity'), labels: labels.get(node) }
  })
}

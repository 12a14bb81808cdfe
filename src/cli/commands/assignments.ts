import { isIP } from 'node:net'
import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { type Answer, answerTo, given, isFields, type Schemas } from '../api/index.ts'
import { exitCodes, usageFailure } from '../failures.ts'
import { note, readInput } from '../io.ts'
import { type Cli, isRowFormat, repeatable, type Session } from '../session.ts'
import {
  countOption,
  dryRunFlag,
  dryRunOf,
  examples,
  keyFlag,
  listOf,
  listOption,
  poolUses,
  readPairs,
} from './options.ts'
import { allocationLayout } from './layouts.ts'

/** The most addresses of one call. */
const addressesMax = 1024

/** `assign` and `release`. */
export function addAssignmentCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('assign')
    .description('assign addresses to a handle, all of them or none')
    .argument('[handle]', 'the name to hold them under; the server chooses one if it is missing')
    .addOption(countOption('-n, --ipv4 <count>', 'IPv4 addresses; 1 if nothing else is asked for', 0, addressesMax))
    .addOption(countOption('-6, --ipv6 <count>', 'IPv6 addresses', 0, addressesMax))
    .addOption(listOption('-a, --address <ip>', 'these addresses, instead of a number of them'))
    .addOption(listOption('--pool <pool>', 'only from these pools, by name or CIDR'))
    .option('--node <node>', 'the node that will use them')
    .addOption(new Option('--use <use>', 'what they are for').choices(poolUses))
    .option('--namespace <name>', 'the namespace that pools are selected by')
    .addOption(listOption('--namespace-label <name=value>', 'labels of that namespace'))
    .addOption(listOption('--attribute <name=value>', 'attributes to store with them'))
    .addOption(
      countOption('--max-per-handle <count>', 'addresses of each family that the handle may hold', 1, addressesMax),
    )
    .addOption(countOption('--max-blocks-per-node <count>', 'blocks that the node may have', 0, 2 ** 31 - 1))
    .option('--partial', 'take fewer if there are not enough')
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool assign vm-1', 'one IPv4 address'],
        ['ippool assign vm-1 -n 2 -6 1 --pool blue --pool blue-v6', 'two of IPv4 and one of IPv6'],
        ['ippool assign vm-1 -a 10.1.0.7', 'a certain address'],
        ['ippool assign vm-1 --attribute tenant=blue -o name', 'print nothing but the address'],
      ]),
    )
    .action(async (handle, options) => {
      const session = cli.session()
      const body = given({
        handle,
        ipv4: options.ipv4,
        ipv6: options.ipv6,
        addresses: listOf(options.address),
        pools: listOf(options.pool),
        node: options.node,
        use: options.use,
        namespace: namespaceOf(options.namespace, readPairs(options.namespaceLabel)),
        attributes: readPairs(options.attribute),
        maxPerHandle: options.maxPerHandle,
        maxBlocksPerNode: options.maxBlocksPerNode,
        partial: options.partial,
      })
      const params = { query: given({ dryRun: dryRunOf(options.dryRun) }), header: repeatable(options.idempotencyKey) }
      const answer = await answerTo((await session.api()).POST('/ipam/v1/assign', { params, body }))
      await session.printRows(allocationLayout, answer.data.addresses, answer, 'No address was assigned.')
      tellDryRun(session, answer.data)
    })

  program
    .command('release')
    .description('release addresses, or everything that a handle holds')
    .argument('[what...]', 'addresses and handles')
    .option('--handle <handle>', 'release the addresses only if this handle holds them; without any, all that it holds')
    .option('--sequence-number <number>', 'release the address only if this is the number of its assignment')
    .option(
      '-f, --file <file>',
      'addresses from a file (- for standard input): one a line, or as "-o json" prints them',
    )
    .option(...dryRunFlag)
    .option(...keyFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool release 10.1.0.7', 'one address, whoever holds it'],
        ['ippool release 10.1.0.7 --handle vm-1', 'only if vm-1 holds it'],
        ['ippool release vm-1', 'all that vm-1 holds'],
        ['ippool addresses --node old -o json | ippool release -f -', 'all that a node uses, unless assigned anew'],
      ]),
    )
    .action(async (what, options) => {
      const session = cli.session()
      const bodies = await releasesOf(session, what, options)
      if (options.idempotencyKey !== undefined && bodies.length > 1)
        throw usageFailure(
          '--idempotency-key is for one call, and this takes several',
          'Name one handle, or addresses only.',
        )
      const outcome = new ReleaseOutcome(session)
      for (const [index, body] of bodies.entries()) {
        session.progress.show(`call ${index + 1} of ${bodies.length}`)
        const params = {
          query: given({ dryRun: dryRunOf(options.dryRun) }),
          header: repeatable(options.idempotencyKey),
        }
        const answer = await answerTo((await session.api()).POST('/ipam/v1/release', { params, body }))
        session.progress.end()
        await outcome.print(answer)
      }
    })
}

function namespaceOf(name: string | undefined, labels: Record<string, string> | undefined) {
  return name === undefined && labels === undefined ? undefined : given({ name, labels })
}

interface ReleaseOptions {
  readonly handle?: string | undefined
  readonly sequenceNumber?: string | undefined
  readonly file?: string | undefined
}

type ReleaseItem = Schemas['ReleaseItem']
type ReleaseBody = { addresses: ReleaseItem[] } | { handle: string }

/** The calls that release what is named: one for each handle, and one for each 1024 addresses. */
async function releasesOf(
  { io }: Session,
  what: readonly string[],
  { handle, sequenceNumber, file }: ReleaseOptions,
): Promise<readonly ReleaseBody[]> {
  const handles = what.filter((one) => isIP(one) === 0)
  const addresses = what.filter((one) => isIP(one) !== 0)
  if (handles.length > 0 && handle !== undefined)
    throw usageFailure(
      `${JSON.stringify(handles[0])} is no address`,
      '--handle says who should hold the addresses that are named.',
    )
  if (sequenceNumber !== undefined && (addresses.length !== 1 || handles.length > 0 || file !== undefined))
    throw usageFailure('--sequence-number is for one address')
  const fromFile = file === undefined ? [] : itemsIn(await readInput(io, file), file)
  const items = [...addresses.map((address) => ({ address })), ...fromFile].map((item) => ({
    ...item,
    ...given({ handle, sequenceNumber }),
  }))
  if (items.length === 0 && handles.length === 0) {
    if (file !== undefined) return []
    if (handle === undefined) throw usageFailure('nothing is named', 'Name addresses or handles to release.')
    return [{ handle }]
  }
  const parts = Array.from({ length: Math.ceil(items.length / addressesMax) }, (_, part) => ({
    addresses: items.slice(part * addressesMax, (part + 1) * addressesMax),
  }))
  return [...parts, ...handles.map((one) => ({ handle: one }))]
}

/** The addresses in a file. Those that are printed as JSON are released only if they are still assigned in the same way. */
function itemsIn(text: string, file: string): readonly ReleaseItem[] {
  if (!/^\s*\{/.test(text))
    return text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [{ address: line.trim() }]))
  let list: unknown
  try {
    const parsed: unknown = JSON.parse(text)
    list = isFields(parsed) ? parsed['addresses'] : undefined
  } catch {
    // Said below.
  }
  if (!Array.isArray(list))
    throw usageFailure(`${file} is no list of addresses as "ippool addresses -o json" prints it`)
  return list.map((entry: unknown) => {
    const { address, handle, sequenceNumber } = isFields(entry) ? entry : {}
    if (typeof address !== 'string') throw usageFailure(`${file}: an entry has no address`)
    return {
      address,
      ...(typeof handle === 'string' && { handle }),
      ...(typeof sequenceNumber === 'string' && { sequenceNumber }),
    }
  })
}

/** Prints what calls have released. */
class ReleaseOutcome {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async print(answer: Answer<Schemas['Release']>): Promise<void> {
    const session = this.#session
    const { released, unallocated, failed, isComplete } = answer.data
    if (failed.length > 0 || !isComplete) session.exitCode = exitCodes.no
    const format = session.format()
    if (!isRowFormat(format)) await session.printAnswer(answer)
    else if (format === 'name') session.print(released.map((address) => `${address}\n`).join(''))
    else if (format === 'csv') {
      const lines = [...released.map((one) => [one, 'Released']), ...unallocated.map((one) => [one, 'Unallocated'])]
      const refused = failed.map(({ address, reason }) => [address, reason])
      session.print([['address', 'outcome'], ...lines, ...refused].map((line) => `${line.join(',')}\n`).join(''))
    } else {
      session.print(released.map((address) => `${address}   released\n`).join(''))
      session.print(unallocated.map((address) => `${address}   was not assigned\n`).join(''))
      session.print(failed.map(({ address, message }) => `${address}   not released: ${message}\n`).join(''))
    }
    if (!isComplete) note(session.io, 'The call was interrupted. Run the command again for the rest.')
    tellDryRun(session, answer.data)
  }
}

/** Reminds of a dry run, where no script reads. */
export function tellDryRun({ io }: Session, answer: object): void {
  if ('dryRun' in answer) note(io, 'Dry run: nothing was changed.')
}

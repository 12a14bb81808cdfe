import { isIP } from 'node:net'
import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { answerTo, given, type Schemas } from '../api/index.ts'
import { usageFailure } from '../failures.ts'
import { note } from '../io.ts'
import type { Cli } from '../session.ts'
import { countOption, examples, listOf, listOption } from './options.ts'
import { pagesOf } from './pages.ts'
import { allocationDetails, allocationLayout, freeRangeLayout, handleLayout } from './layouts.ts'

const sorts = [
  'address',
  '-address',
  'handle',
  '-handle',
  'node',
  '-node',
  'assignedAt',
  '-assignedAt',
] as const satisfies readonly Schemas['AddressSort'][]

/** `who`, `handle`, `handles`, `addresses` and `free`: they change nothing. */
export function addAddressCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('who')
    .description('show who holds an address')
    .argument('<ip>', 'the address')
    .addHelpText('after', examples([['ippool who 10.1.0.7', 'its handle, node, pool and attributes']]))
    .action(async (ip) => {
      const session = cli.session()
      if (isIP(ip) === 0)
        throw usageFailure(`${JSON.stringify(ip)} is no address`, 'For a handle, use "ippool handle".')
      const params = { path: { ip } }
      const answer = await answerTo((await session.api()).GET('/ipam/v1/addresses/{ip}', { params }))
      await session.printThing(allocationDetails, answer.data, answer)
    })

  program
    .command('handle')
    .description('show the addresses that a handle holds')
    .argument('<handle>', 'the handle')
    .addHelpText('after', examples([['ippool handle vm-42', 'its addresses']]))
    .action(async (handle) => {
      const session = cli.session()
      const params = { path: { handle } }
      const answer = await answerTo((await session.api()).GET('/ipam/v1/handles/{handle}', { params }))
      await session.printRows(allocationLayout, answer.data.addresses, answer, 'It holds no address.')
    })

  program
    .command('handles')
    .description('list the handles')
    .argument('[prefix]', 'only those that begin with this')
    .addOption(countOption('--limit <count>', 'the first ones only', 1, 1e9))
    .addHelpText('after', examples([['ippool handles vm-', 'the handles that begin with vm-']]))
    .action(async (prefix, { limit: max }) => {
      const session = cli.session()
      const api = await session.api()
      const pages = pagesOf({
        read: (page) => answerTo(api.GET('/ipam/v1/handles', { params: { query: given({ prefix, ...page }) } })),
        rowsIn: ({ handles }) => handles,
        nextIn: (body) => body.continue,
        max,
      })
      await session.printPages(handleLayout, pages, 'There are no such handles.')
    })

  program
    .command('addresses')
    .description('list the addresses that are held: all, or those that match every filter')
    .option('--handle <handle>', 'of this handle')
    .option('--node <node>', 'that this node uses')
    .option('--pool <pool>', 'from this pool, by name or CIDR')
    .option('--cidr <cidr>', 'in this range')
    .addOption(listOption('--attribute <name[=value]>', 'with these attributes'))
    .option('-q, --search <text>', 'with this text in the address, handle, node or an attribute')
    .addOption(new Option('--sort <field>', 'sort; with a minus, descending').choices(sorts))
    .addOption(countOption('--limit <count>', 'the first ones only', 1, 1e9))
    .addHelpText(
      'after',
      examples([
        ['ippool addresses --pool blue --sort=-assignedAt --limit 10', 'the last ten of a pool'],
        ['ippool addresses --attribute tenant=blue -o csv', 'for a spreadsheet'],
        ['ippool addresses -q web', 'with "web" in the handle, the node or an attribute'],
      ]),
    )
    .action(async ({ handle, node, pool, cidr, attribute, search: q, sort, limit: max }) => {
      const session = cli.session()
      const api = await session.api()
      const filters = {
        handle,
        node,
        pool,
        cidr,
        attribute: listOf(attribute),
        q,
        sort,
      }
      const unreadable: string[] = []
      const pages = pagesOf({
        read: (page) => answerTo(api.GET('/ipam/v1/addresses', { params: { query: given({ ...filters, ...page }) } })),
        rowsIn: ({ addresses, unreadableBlocks }) => {
          unreadable.push(...unreadableBlocks)
          return addresses
        },
        nextIn: (body) => body.continue,
        max,
      })
      await session.printPages(allocationLayout, pages, 'There are no such addresses.')
      if (unreadable.length > 0)
        note(
          session.io,
          `Addresses are missing: these blocks cannot be read: ${[...new Set(unreadable)].join(', ')}. See "ippool check".`,
        )
    })

  program
    .command('free')
    .description('list the addresses of a pool that can be assigned, as ranges')
    .argument('<pool>', 'the pool, by name or CIDR')
    .option('--cidr <cidr>', 'only in this range')
    .addOption(countOption('--limit <count>', 'the first ranges only', 1, 1e9))
    .addHelpText('after', examples([['ippool free blue --cidr 10.1.0.0/24', 'what is left of a part of a pool']]))
    .action(async (name, { cidr, limit: max }) => {
      const session = cli.session()
      const api = await session.api()
      const path = { name }
      const pages = pagesOf({
        read: (page) =>
          answerTo(api.GET('/ipam/v1/pools/{name}/free', { params: { path, query: given({ cidr, ...page }) } })),
        rowsIn: ({ ranges }) => ranges,
        nextIn: (body) => body.continue,
        max,
      })
      await session.printPages(freeRangeLayout, pages, 'No address of it can be assigned.')
    })
}

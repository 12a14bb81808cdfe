import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { answerTo, given, type Schemas } from '../api/index.ts'
import type { Layout } from '../output/index.ts'
import type { Cli } from '../session.ts'
import { dryNote, dryRunFlag, dryRunOf, examples } from './options.ts'
import { pagesOf } from './pages.ts'
import { timeColumn } from './layouts.ts'

const path = '/apis/projectcalico.org/v3/ipreservations'

const layout: Layout<Schemas['IPReservation']> = {
  name: ({ metadata }) => metadata.name ?? '',
  columns: [
    { name: 'name', value: ({ metadata }) => metadata.name },
    { name: 'reservedCIDRs', value: ({ spec }) => spec.reservedCIDRs?.join(', ') },
    timeColumn('createdAt', ({ metadata }) => metadata.creationTimestamp),
  ],
}

/** `reservations`, `reserve` and `unreserve`. */
export function addReservationCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('reservations')
    .description('list reservations: addresses that are not assigned unless they are named')
    .addHelpText('after', examples([['ippool reservations', 'all of them']]))
    .action(async () => {
      const session = cli.session()
      const api = await session.api()
      const pages = pagesOf({
        read: (page) => answerTo(api.GET(path, { params: { query: given({ ...page }) } })),
        rowsIn: ({ items }) => items,
        nextIn: ({ metadata }) => metadata.continue,
      })
      await session.printPages(layout, pages, 'There are no reservations.')
    })

  program
    .command('reserve')
    .description('keep addresses from being assigned, unless they are named')
    .argument('<name>', 'the name of the reservation')
    .argument('<cidr...>', 'addresses and ranges')
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([['ippool reserve routers 10.1.0.1 10.1.0.252/30', 'an address and a range, under one name']]),
    )
    .action(async (name, reservedCIDRs, options) => {
      const session = cli.session()
      const query = given({ dryRun: dryRunOf(options.dryRun) })
      const body = { metadata: { name }, spec: { reservedCIDRs } }
      const answer = await answerTo((await session.api()).POST(path, { params: { query }, body }))
      await session.printDone(`reservation ${name} created${dryNote(options.dryRun)}`, [name], answer)
    })

  program
    .command('unreserve')
    .description('delete a reservation')
    .argument('<name>', 'the name of the reservation')
    .option(...dryRunFlag)
    .addHelpText('after', examples([['ippool unreserve routers', 'its addresses can be assigned again']]))
    .action(async (name, options) => {
      const session = cli.session()
      const params = { path: { name }, query: given({ dryRun: dryRunOf(options.dryRun) }) }
      const answer = await answerTo((await session.api()).DELETE(`${path}/{name}`, { params }))
      await session.printDone(`reservation ${name} deleted${dryNote(options.dryRun)}`, [name], answer)
    })
}

import { Argument, type CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Cli } from '../session.ts'
import { countOption, examples } from './options.ts'
import { showTop } from './top.ts'
import { watchKind, watchedKinds } from './watching.ts'

/** `top` and `watch`. */
export function addLiveCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('top')
    .description('show how full the pools are, and how fast that changes; q ends it')
    .argument('[pool...]', 'only these, by name or CIDR')
    .addOption(countOption('--interval <seconds>', 'how often; 2 by default', 1, 3600))
    .addOption(countOption('--count <count>', 'end after so many; 1 if standard output is no terminal', 1, 1e9))
    .addHelpText(
      'after',
      examples([
        ['ippool top', 'the fullest pools first'],
        ['ippool top --interval 60 --count 60 > use.txt', 'an hour, a minute at a time'],
      ]),
    )
    .action(async (pools, { interval = 2, count }) => {
      const session = cli.session()
      await showTop(session, pools, count ?? (session.isWatched ? Infinity : 1), interval * 1_000)
    })

  program
    .command('watch')
    .description('print changes as they happen')
    .addArgument(new Argument('[kind]', 'of what').choices(watchedKinds).default('pools' as const))
    .addOption(countOption('--limit <count>', 'end after so many changes', 1, 1e9))
    .addHelpText(
      'after',
      examples([
        ['ippool watch', 'changes of pools'],
        ['ippool watch handles', 'handles that get addresses, or release them'],
        ['ippool watch blocks -o json', 'one event on each line, as the server sends it'],
      ]),
    )
    .action((kind, { limit = Infinity }) => watchKind(cli.session(), kind, limit))
}

import { type CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { answerTo, given, type Schemas } from '../api/index.ts'
import type { Layout } from '../output/index.ts'
import type { Cli } from '../session.ts'
import { countOption, dryRunFlag, dryRunOf, examples } from './options.ts'

const path = '/apis/projectcalico.org/v3/ipamconfigurations/{name}'
/** The only object of its kind. */
const params = { path: { name: 'default' } }

const layout: Layout<Schemas['IPAMConfiguration']> = {
  name: ({ metadata }) => metadata.name ?? '',
  columns: [
    { name: 'strictAffinity', value: ({ spec }) => spec.strictAffinity },
    { name: 'autoAllocateBlocks', value: ({ spec }) => spec.autoAllocateBlocks },
    { name: 'maxBlocksPerHost', value: ({ spec }) => spec.maxBlocksPerHost },
    { name: 'ipCooldownSeconds', header: 'cooldownSeconds', value: ({ spec }) => spec.ipCooldownSeconds },
  ],
}

const switches = ['true', 'false'] as const

/** `configure`: IPAM's settings for all pools. */
export function addConfigurationCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('configure')
    .description('show the settings of IPAM, or change those that are given')
    .addOption(new Option('--strict-affinity <value>', 'nodes use their own blocks only').choices(switches))
    .addOption(new Option('--auto-allocate-blocks <value>', 'nodes claim blocks by themselves').choices(switches))
    .addOption(countOption('--max-blocks-per-host <count>', 'blocks that a node may have; 0 for any', 0, 2 ** 31 - 1))
    .addOption(countOption('--cooldown-seconds <count>', 'how long a released address is not assigned', 0, 2 ** 31 - 1))
    .option(...dryRunFlag)
    .addHelpText(
      'after',
      examples([
        ['ippool configure', 'show them'],
        ['ippool configure --strict-affinity true --max-blocks-per-host 4', 'change two of them'],
      ]),
    )
    .action(async (options) => {
      const session = cli.session()
      const api = await session.api()
      const spec = given({
        strictAffinity: booleanOf(options.strictAffinity),
        autoAllocateBlocks: booleanOf(options.autoAllocateBlocks),
        maxBlocksPerHost: options.maxBlocksPerHost,
        ipCooldownSeconds: options.cooldownSeconds,
      })
      if (Object.keys(spec).length === 0) {
        const answer = await answerTo(api.GET(path, { params }))
        return session.printThing(layout, answer.data, answer)
      }
      const headers = { 'content-type': 'application/merge-patch+json' }
      const query = given({ dryRun: dryRunOf(options.dryRun), fieldValidation: 'Strict' as const })
      const answer = await answerTo(api.PATCH(path, { params: { ...params, query }, headers, body: { spec } }))
      return session.printThing(layout, answer.data, answer)
    })
}

function booleanOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === 'true'
}

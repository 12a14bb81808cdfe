import { Argument, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { answerTo } from '../api/index.ts'
import type { Cli, Session } from '../session.ts'
import { candidatesFor } from './candidates.ts'
import { examples } from './options.ts'

const shells = ['bash', 'zsh', 'fish'] as const

/** Each asks `ippool __complete` for the candidates, as lines of a word, a tab and what it means. */
const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `_ippool() {
  mapfile -t COMPREPLY < <(ippool __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
}
complete -o default -F _ippool ippool
`,
  zsh: `#compdef ippool
_ippool() {
  local -a candidates
  local line
  for line in "\${(@f)$(ippool __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( \${#candidates} )) && _describe ippool candidates || _files
}
compdef _ippool ippool
`,
  fish: `complete -c ippool -f -a '(ippool __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

/** `completion`, and what its scripts call. */
export function addCompletionCommands(program: CommandUnknownOpts, cli: Cli): void {
  program
    .command('completion')
    .description('print a script that completes commands, flags and pools in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      examples([
        ['source <(ippool completion bash)', 'in ~/.bashrc'],
        ['source <(ippool completion zsh)', 'in ~/.zshrc, after compinit'],
        ['ippool completion fish > ~/.config/fish/completions/ippool.fish', 'once'],
      ]),
    )
    .action((shell) => {
      cli.session().print(scripts[shell])
    })

  program
    .command('__complete', { hidden: true })
    .argument('[word...]')
    .action(async (words) => {
      const session = cli.session()
      const { candidates, isPool, start } = candidatesFor(program, words)
      const pools = isPool ? await poolNames(session).catch(() => []) : []
      const found = [...candidates, ...pools.map((word) => ({ word, meaning: 'pool' }))]
      const wanted = found.filter(({ word }) => word.startsWith(start))
      session.print(wanted.map(({ word, meaning }) => `${word}\t${meaning}\n`).join(''))
    })
}

async function poolNames(session: Session): Promise<readonly string[]> {
  const { data } = await answerTo((await session.api()).GET('/ipam/v1/utilization', {}))
  return data.pools.map(({ pool }) => pool)
}

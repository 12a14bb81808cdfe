import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Cli } from '../session.ts'
import { addAccessCommands } from './access.ts'
import { addAddressCommands } from './addresses.ts'
import { addAssignmentCommands } from './assignments.ts'
import { addBackupCommands } from './backup.ts'
import { addCheckCommands } from './check.ts'
import { addCompletionCommands } from './completion.ts'
import { addConfigurationCommands } from './configuration.ts'
import { addLiveCommands } from './live.ts'
import { addMovingCommands } from './moving.ts'
import { addNodeCommands } from './nodes.ts'
import { addPoolCommands } from './pools.ts'
import { addReservationCommands } from './reservations.ts'

const groups = [
  { heading: 'Addresses:', add: [addAssignmentCommands, addAddressCommands] },
  {
    heading: 'Pools, reservations, configuration:',
    add: [addPoolCommands, addReservationCommands, addConfigurationCommands],
  },
  { heading: 'Nodes and blocks:', add: [addNodeCommands] },
  { heading: 'Watching and repairing:', add: [addLiveCommands, addCheckCommands] },
  { heading: 'Moving data:', add: [addMovingCommands] },
  { heading: 'Access:', add: [addAccessCommands] },
  { heading: 'Backups:', add: [addBackupCommands] },
  { heading: 'More:', add: [addCompletionCommands] },
] as const

/** Adds all commands to the program, under headings. A new group of commands is a file of its own, and an entry here. */
export function addCommands(program: CommandUnknownOpts, cli: Cli): void {
  for (const { heading, add } of groups) {
    program.commandsGroup(heading)
    for (const addGroup of add) addGroup(program, cli)
  }
  program.helpCommand('help [command]', 'print the help of a command')
}

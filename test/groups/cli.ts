import { runTestsOf } from '../support/group.ts'

await runTestsOf('cli')

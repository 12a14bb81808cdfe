import { runTestsOf } from '../support/group.ts'

await runTestsOf('http', { without: ['ipam', 'resources'] })

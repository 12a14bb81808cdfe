/** The command line for people, `ippool`: a client of the HTTP API that shares no code with the server. bin/ippool.js runs it. */
export { runCommandLine } from './program.ts'

#!/usr/bin/env node
/**
 * The command `ippool`, for people. As with bin/ippoold.js, Node runs the TypeScript in src/ by itself, except for an installed package.
 */
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

if (!process.features.typescript) {
  process.stderr.write(`ippool needs Node.js 22.18 or newer, and this is ${process.version}.\n`)
  process.exit(10)
}

module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)))
const hasSource = existsSync(new URL('../src/cli/index.ts', import.meta.url))
const { runCommandLine } = await import(hasSource ? '../src/cli/index.ts' : '../dist/cli/index.js')
const { argv, env, stdin, stdout, stderr } = process
// A reader that has read enough, such as head, ends the command quietly.
stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 10))
process.exitCode = await runCommandLine(argv.slice(2), { environment: env, stdin, stdout, stderr })

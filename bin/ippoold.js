#!/usr/bin/env node
/**
 * The command `ippoold`, which `npm start` runs too. Node runs the TypeScript in src/ by itself; nothing is built, except for the package,
 * which has no src/: Node runs no TypeScript below node_modules. This file is JavaScript so that a Node that cannot do so can still say
 * what it needs.
 */
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

if (!process.features.typescript) {
  process.stderr.write(
    `ippoold needs Node.js 22.18 or newer, and this is ${process.version}. On Linux and macOS (x64, arm64), "npm install" brings one, ` +
      'unless optional packages are omitted, and "npm start" runs on it.\n',
  )
  process.exit(1)
}

// Compiling takes half of a start. The folder belongs to this installation; when it cannot be written, Node does without it.
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)))
const hasSource = existsSync(new URL('../src/main.ts', import.meta.url))
await import(hasSource ? '../src/main.ts' : '../dist/main.js')
// Now that the server is ready: otherwise Node does it at the exit, and not at all when it is killed.
module.flushCompileCache()

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const run = promisify(execFile)

/** Builds the page unless `npm install` has done so. */
export async function buildPage(): Promise<void> {
  if (!existsSync(`${root}dist/ui/index.html`)) await run(process.execPath, ['scripts/build-page.ts'], { cwd: root })
}

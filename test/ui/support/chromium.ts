import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import type { Test } from 'tap'
import type { Found } from '../../support/prometheus.ts'

const run = promisify(execFile)

/** Where Debian, Ubuntu, Fedora and Google put it, after what the variable CHROMIUM says. */
const names = ['chromium', '/usr/bin/chromium', 'chromium-browser', 'google-chrome']

/** Finds a Chromium that runs, or says that there is none. */
export async function findChromium(): Promise<Found> {
  const named = process.env['CHROMIUM']
  for (const path of named === undefined ? names : [named]) {
    try {
      await run(path, ['--version'], { timeout: 30_000 })
      return { path: path.startsWith('/') ? path : (await run('which', [path])).stdout.trim() }
    } catch {
      // The next one may run.
    }
  }
  const wanted = named === undefined ? 'there is no chromium' : `${named}, the value of CHROMIUM, cannot be run`
  return { missing: `${wanted}: install Debian's package chromium, or name another one by the variable CHROMIUM` }
}

/** Starts the browser. It ends with the test. */
export async function startBrowser(t: Test, path: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: path,
    // In a container there is often no user but root, and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb', '--font-render-hinting=none'],
  })
  t.teardown(() => browser.close())
  return browser
}

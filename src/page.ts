import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { openSignIn } from './access/index.ts'
import type { Authentication } from './authentication/index.ts'
import type { Config } from './config.ts'
import { findPageFiles, type ServerDependencies } from './http/index.ts'

/** The folder that the page is built into; it lies beside `src` and below the compiled `dist`. */
const pageFolder = fileURLToPath(new URL('../dist/ui/', import.meta.url))

/** Finds the page, and how people sign in to it; undefined if it is switched off, or was not built. */
export function openPage(
  { ui, uiOidcClientId, uiOidcScopes }: Config,
  authentication: Authentication | undefined,
  logger: Logger,
): ServerDependencies['page'] {
  if (!ui) return undefined
  const files = findPageFiles(pageFolder)
  if (files === undefined) {
    logger.warn({ folder: pageFolder }, 'there is no page under /ui/: run "npm run build:ui", or set IPPOOLD_UI=false')
    return undefined
  }
  return { files, signIn: authentication?.signIn(uiOidcClientId, uiOidcScopes) ?? openSignIn }
}

import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** The files of the page, as Vite has built them. */
export interface PageFiles {
  readonly folder: string
  /** The path of each file below the folder, with slashes. */
  readonly paths: ReadonlySet<string>
}

/** Finds the files of the page in a folder; undefined if the page was not built there. */
export function findPageFiles(folder: string): PageFiles | undefined {
  if (!existsSync(join(folder, 'index.html'))) return undefined
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join('/'))
  return { folder, paths: new Set(paths) }
}

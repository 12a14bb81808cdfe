import { readFile } from 'node:fs/promises'
import { isJsonObject, type JsonObject, parseJson } from '../src/model/index.ts'
import { breakingChanges } from './breaking-changes.ts'
import { unlisted } from './breaking-changelog.ts'

/**
 * Compares the OpenAPI document with that of the last release, `openapi/released.json`. Fails if a change breaks programs written against
 * that one and is not listed under "Breaking" in the unreleased part of CHANGELOG.md.
 */
const changes = breakingChanges(await read('openapi/released.json'), await read('openapi/ippoold.json'))
const missing = unlisted(changes, await readText('CHANGELOG.md'))
if (missing.length > 0) {
  process.stderr.write(
    [
      'These changes break programs that were written against the last release:',
      ...missing.map((change) => `- \`${change}\``),
      'Take them back, or put these lines into CHANGELOG.md, under "### Breaking" of "## [Unreleased]", with what to do about each.',
      '',
    ].join('\n'),
  )
  process.exitCode = 1
}

async function readText(name: string): Promise<string> {
  return readFile(new URL(`../${name}`, import.meta.url), 'utf8')
}

async function read(name: string): Promise<JsonObject> {
  const parsed = parseJson(await readText(name))
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new Error(`${name} is not a JSON object`)
  return parsed.value
}

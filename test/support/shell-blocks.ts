import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Shell blocks of a document, which tests carry out. A step is a command in a `sh` block, with the `# =>` lines that follow it. The command
 * must print every such line: blanks do not count, and `...` stands for anything.
 */
export interface Step {
  readonly command: string
  readonly expected: readonly string[]
}

/** The text of a section of a document, which is named by its path from the root. Sections below it belong to it. */
export function sectionOf(path: string, title: string): string {
  const document = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  const [, level = ''] = new RegExp(`^(##+) ${title}\n`, 'm').exec(document) ?? []
  const [, text] =
    new RegExp(`^${level} ${title}\n(.*?)(?=^##{1,${level.length - 1}} |(?![^]))`, 'ms').exec(document) ?? []
  if (text === undefined) throw new Error(`${path} has no section "${title}".`)
  return text
}

/** The `sh` blocks of a text. */
export function shellBlocksOf(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
}

/** The steps of a text, in their order. A step ends with its last `# =>` line; what has none after it is no step. */
export function stepsOf(text: string): readonly Step[] {
  return shellBlocksOf(text).flatMap((block) =>
    [...block.matchAll(/(.*?)((?:^# => [^\n]*\n)+)/gms)].map(([, command = '', expected = '']) => ({
      command,
      expected: [...expected.matchAll(/^# => (.*)$/gm)].map(([, line = '']) => line),
    })),
  )
}

/** Runs a block until its first command that fails, and gives what it printed. */
export function carryOutBlock(
  block: string,
  options: { readonly env: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<{ failure: string | undefined; output: string }> {
  return new Promise((resolve) => {
    const limits = { timeout: 120_000, maxBuffer: 2 ** 26 }
    execFile('bash', ['-e', '-o', 'pipefail', '-c', block], { ...options, ...limits }, (error, stdout, stderr) => {
      resolve({ failure: error === null ? undefined : `${error.message}\n${stderr}`, output: stdout })
    })
  })
}

/** The first expected line that was not printed; undefined if all were. */
export function firstMissing(output: string, expected: readonly string[]): string | undefined {
  const squeeze = (text: string): string => text.replaceAll(/\s/g, '')
  const printed = squeeze(output)
  return expected.find((line) => {
    let from = 0
    const isNext = (part: string): boolean => {
      const at = printed.indexOf(part, from)
      from = at + part.length
      return at >= 0
    }
    return !line
      .split(/(?:^|\s)\.\.\.(?:\s|$)/)
      .map(squeeze)
      .every(isNext)
  })
}

import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** How each level of pino is shown: its name, and the style of that. */
const levels: Readonly<Record<number, readonly [name: string, style: Style]>> = {
  10: ['TRACE', 'gray'],
  20: ['DEBUG', 'gray'],
  30: ['INFO ', 'green'],
  40: ['WARN ', 'yellow'],
  50: ['ERROR', 'red'],
  60: ['FATAL', ['red', 'bold']],
}

/**
 * Makes of a line of the log, which is JSON, a text for a terminal: time, level and message, then the fields, then the stacks of errors.
 * Colours are left out if the terminal has none, or if `NO_COLOR` is set.
 */
export function printLine(json: string): string {
  const line: unknown = JSON.parse(json)
  if (typeof line !== 'object' || line === null) return json
  // The process is the one that the reader started, at this machine.
  const {
    level,
    time,
    msg,
    err,
    pid: _pid,
    hostname: _hostname,
    ...fields
  } = { ...line } as Readonly<Record<string, unknown>>
  const [name, style] = levels[Number(level)] ?? [String(level), 'gray']
  const shown = Object.entries(fields).map(([field, value]) => ` ${paint('gray', `${field}=`)}${printValue(value)}`)
  const head = `${paint('gray', clockTime(String(time)))} ${paint(style, name)} ${escapeControls(typeof msg === 'string' ? msg : '')}`
  return `${head}${shown.join('')}\n${stackOf(err)}`
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr })
}

/** The time of day where the reader is. */
function clockTime(iso: string): string {
  const time = new Date(iso)
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

function printValue(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return escapeControls(text)
}

/** The stack of an error with those of its causes, as pino has put them into its text. */
function stackOf(err: unknown): string {
  if (typeof err !== 'object' || err === null || !('stack' in err)) return ''
  return String(err.stack).replaceAll(/^/gm, '    ').split('\n').map(escapeControls).join('\n') + '\n'
}

/** Clients choose some of what is logged; a terminal would obey the control characters in it. */
function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}]/gu,
    (letter) => `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

import { type Problem, readProblem, type Schemas, send, serverUrl } from '../../api/index.ts'
import { isFields } from '../../fields.ts'
import { linesOf } from '../../live/index.ts'

/** What the check finds. */
export type Finding = Schemas['CheckFinding']

/** What a repair did, or would do. */
export type Repair = Schemas['Repair']

/** How a report ended. */
export interface ReportEnd {
  readonly revision: string
  /** Why it ended early; null if it is complete. */
  readonly problem: string | null
}

/** Reads a report line by line. `onEntry` hears of each entry as it arrives. */
export async function readReport<Entry>(
  request: Request,
  isEntry: (value: unknown) => value is Entry,
  onEntry: (entry: Entry) => void,
): Promise<{ readonly ok: true; readonly end: ReportEnd } | { readonly ok: false; readonly problem: Problem }> {
  const response = await send(request)
  if (!response.ok || response.body === null)
    return { ok: false, problem: readProblem(response.status, await response.json()) }
  let end: ReportEnd = { revision: '', problem: 'The report ended before its last line.' }
  for await (const line of linesOf(response.body)) {
    const value: unknown = JSON.parse(line)
    if (isEntry(value)) onEntry(value)
    else if (isFields(value))
      end = {
        revision: String(value['revision']),
        problem: typeof value['problem'] === 'string' ? value['problem'] : null,
      }
  }
  return { ok: true, end }
}

/** True of an entry of the check. */
export function isFinding(value: unknown): value is Finding {
  return isFields(value) && typeof value['code'] === 'string' && typeof value['key'] === 'string'
}

/** True of an entry of a repair. */
export function isRepair(value: unknown): value is Repair {
  return isFinding(value) && 'outcome' in value
}

/** Asks for the check, line by line. */
export function checkRequest(signal: AbortSignal): Request {
  return new Request(`${serverUrl}/ipam/v1/check`, { headers: { accept: 'application/x-ndjson' }, signal })
}

/** Asks for the repair of these codes, line by line. */
export function repairRequest(codes: readonly string[], isDryRun: boolean, signal: AbortSignal): Request {
  return new Request(`${serverUrl}/ipam/v1/check/repair${isDryRun ? '?dryRun=All' : ''}`, {
    method: 'POST',
    headers: { accept: 'application/x-ndjson', 'content-type': 'application/json' },
    body: JSON.stringify({ codes }),
    signal,
  })
}

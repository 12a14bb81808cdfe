import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Choice, Dialog, Trouble } from '../../parts/index.ts'
import { counted } from '../../text/index.ts'
import { type Finding, isRepair, type Repair, repairRequest } from './report.ts'
import { useReport } from './use-report.ts'

interface RepairDialogProps {
  readonly codes: readonly string[]
  readonly findings: readonly Finding[]
  readonly onClose: () => void
}

const shownMax = 200

/** Repairs what one chooses: first as a dry run, then for good. */
export function RepairDialog({ codes, findings, onClose }: RepairDialogProps): JSX.Element {
  const isSafe = (code: string): boolean =>
    findings.some((finding) => finding.code === code && finding.repair === 'Default')
  const [chosen, setChosen] = useState<readonly string[]>(codes.filter(isSafe))
  const [isCarriedOut, setCarriedOut] = useState(false)
  const report = useReport(isRepair)
  useEffect(() => {
    if (chosen.length > 0) report.start((signal) => repairRequest(chosen, true, signal))
  }, [chosen])
  const isIdle = !report.isRunning && report.end?.problem === null
  return (
    <Dialog title="Repair" onClose={onClose}>
      {!isCarriedOut && (
        <div class="choices">
          {codes.map((code) => (
            <Choice
              key={code}
              label={`${code} (${findings.filter((finding) => finding.code === code).length}${isSafe(code) ? '' : ', on request'})`}
              isOn={chosen.includes(code)}
              onChange={(isOn) => setChosen(isOn ? [...chosen, code] : chosen.filter((one) => one !== code))}
            />
          ))}
        </div>
      )}
      <Trouble problem={report.problem} />
      <div class="preview" aria-live="polite">
        <p class="quiet small">{isCarriedOut ? 'What happened' : 'What would happen'}</p>
        {report.isRunning && <p class="quiet">{isCarriedOut ? 'Repairing …' : 'Asking the server …'}</p>}
        {chosen.length > 0 && <RepairsTold repairs={report.entries} isDone={isCarriedOut} />}
        {report.end !== undefined && report.end.problem !== null && (
          <p class="note trouble">It ended early: {report.end.problem}</p>
        )}
      </div>
      <div class="buttons">
        {!isCarriedOut && (
          <button
            type="button"
            class="button main"
            disabled={!isIdle || chosen.length === 0}
            onClick={() => {
              setCarriedOut(true)
              report.start((signal) => repairRequest(chosen, false, signal))
            }}
          >
            Repair {counted(report.entries.length, 'finding')}
          </button>
        )}
        <button type="button" class="button" onClick={onClose}>
          {isCarriedOut ? 'Close' : 'Cancel'}
        </button>
      </div>
    </Dialog>
  )
}

function RepairsTold({ repairs, isDone }: { repairs: readonly Repair[]; isDone: boolean }): JSX.Element {
  return (
    <ul class="repairs">
      {repairs.slice(0, shownMax).map(({ code, key, subject, detail, outcome }) => (
        <li key={`${code} ${key} ${subject ?? ''}`}>
          <span class={outcome === 'Repaired' ? 'tag good' : 'tag warn'}>
            {isDone || outcome !== 'Repaired' ? outcome : 'Would be repaired'}
          </span>{' '}
          {detail}
          <span class="mono quiet"> {key}</span>
        </li>
      ))}
      {repairs.length > shownMax && <li class="quiet">and {repairs.length - shownMax} more</li>}
    </ul>
  )
}

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Call, may } from '../../api/index.ts'
import { type Column, Heading, Section, ShowAs, Table, tableOf, Trouble } from '../../parts/index.ts'
import { counted } from '../../text/index.ts'
import { RepairDialog } from './repair-dialog.tsx'
import { checkRequest, type Finding, isFinding } from './report.ts'
import { useReport } from './use-report.ts'

const call: Call<unknown> = (api) => api.GET('/ipam/v1/check')
const repairs: Readonly<Record<Finding['repair'], string>> = {
  Default: 'safe',
  OnRequest: 'on request',
  None: 'by hand',
}
const columns: readonly Column<Finding>[] = [
  {
    title: 'Finding',
    width: 'minmax(150px, 1fr)',
    cell: ({ code }) => <strong title={code}>{wordsOf(code)}</strong>,
    text: ({ code }) => code,
  },
  {
    title: 'What is wrong',
    width: 'minmax(160px, 4fr)',
    cell: ({ message }) => <span title={message}>{message}</span>,
    text: ({ message }) => message,
  },
  {
    title: 'Key in etcd',
    width: 'minmax(120px, 2fr)',
    cell: ({ key }) => (
      <span class="mono" title={key}>
        {key}
      </span>
    ),
    text: ({ key }) => key,
    isOnPhone: false,
  },
  { title: 'Repair', width: '90px', cell: ({ repair }) => repairs[repair], text: ({ repair }) => repair },
]

/** What is inconsistent in the stored data, as it is found, and its repair. */
export function CheckView(): JSX.Element {
  const report = useReport(isFinding)
  const [isRepairing, setRepairing] = useState(false)
  useEffect(() => report.start(checkRequest), [])
  const findings = report.entries
  const repairable = [...new Set(findings.filter(({ repair }) => repair !== 'None').map(({ code }) => code))]
  return (
    <>
      <Heading title="Check">
        <button type="button" class="button" disabled={report.isRunning} onClick={() => report.start(checkRequest)}>
          Check again
        </button>
        {may('update', 'ippools') && repairable.length > 0 && (
          <button type="button" class="button main" disabled={report.isRunning} onClick={() => setRepairing(true)}>
            Repair …
          </button>
        )}
      </Heading>
      <p class="quiet">Whether blocks, handles, affinities and pools in etcd agree with each other.</p>
      <Trouble problem={report.problem} />
      <div role="status">
        {report.isRunning && (
          <p class="note">Checking … {findings.length > 0 && `${counted(findings.length, 'finding')} so far.`}</p>
        )}
        {report.end?.problem === null && findings.length === 0 && (
          <p class="note good">Everything is consistent, at revision {report.end.revision} of etcd.</p>
        )}
        {report.end !== undefined && report.end.problem !== null && (
          <p class="note trouble">The check ended early: {report.end.problem}</p>
        )}
      </div>
      {findings.length > 0 && (
        <Section
          title={counted(findings.length, 'finding')}
          end={<ShowAs calls={[['Check', call]]} table={tableOf('findings', columns, findings)} />}
        >
          <Table
            label="Findings"
            columns={columns}
            rows={findings}
            keyOf={({ code, key, subject }) => `${code} ${key} ${subject ?? ''}`}
            empty=""
          />
        </Section>
      )}
      {isRepairing && (
        <RepairDialog
          codes={repairable}
          findings={findings}
          onClose={() => {
            setRepairing(false)
            report.start(checkRequest)
          }}
        />
      )}
    </>
  )
}

/** `HandleCountTooLow` as `Handle count too low`. */
function wordsOf(code: string): string {
  return code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

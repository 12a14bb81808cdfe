import type { JSX } from 'preact'
import type { Problem } from '../api/index.ts'

/** What went wrong, in the server's words. */
export function Trouble({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null
  const others = problem.causes.filter(({ message }) => !problem.message.includes(message))
  return (
    <div class="note trouble" role="alert">
      <p>
        <strong>{titleOf(problem)}</strong> {problem.message}
      </p>
      {others.length > 0 && (
        <ul>
          {others.map(({ field, message }) => (
            <li key={`${field} ${message}`}>
              <span class="mono">{field}</span> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function titleOf({ status, reason }: Problem): string {
  if (status === 0) return 'No connection.'
  if (status === 403) return 'Not allowed.'
  if (status === 404) return 'Not there.'
  return `${reason.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').replaceAll(/(?<= )[A-Z]/g, (letter) => letter.toLowerCase())}.`
}

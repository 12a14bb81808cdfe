import type { JSX } from 'preact'
import { type Cidr, formatCidr } from '../../../src/net/index.ts'
import { stepOut } from './geometry.ts'

interface ZoomPathProps {
  readonly outermost: Cidr
  readonly shown: Cidr
  readonly onShow: (cidr: Cidr) => void
}

/** The ranges around what is shown, each a button that shows it. */
export function ZoomPath({ outermost, shown, onShow }: ZoomPathProps): JSX.Element {
  const path: Cidr[] = [shown]
  for (let at = shown; at.prefixLength > outermost.prefixLength; ) {
    at = stepOut(at, outermost)
    path.unshift(at)
  }
  return (
    <nav class="zoom-path mono" aria-label="Ranges around what is shown">
      {path.map((cidr, index) => (
        <span key={formatCidr(cidr)}>
          {index > 0 && <span class="quiet"> › </span>}
          {index === path.length - 1 ? (
            <strong aria-current="location">{formatCidr(cidr)}</strong>
          ) : (
            <button type="button" class="link" onClick={() => onShow(cidr)}>
              {formatCidr(cidr)}
            </button>
          )}
        </span>
      ))}
    </nav>
  )
}

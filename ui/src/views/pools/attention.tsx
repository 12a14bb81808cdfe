import type { ComponentChildren, JSX } from 'preact'
import { connection } from '../../live/index.ts'
import { Age, Link, PoolName } from '../../parts/index.ts'
import { counted, printCount, printShare, shareOf } from '../../text/index.ts'
import { type CountedPool, namedMax } from './counted-pool.ts'

/** A pool counts as nearly full from this share on. */
const nearlyFull = 0.85

/** Some pools by name, and how many there are. */
export interface NamedPools {
  readonly names: readonly string[]
  readonly total: number
}

interface AttentionProps {
  /** The fullest pools. */
  readonly fullest: readonly CountedPool[]
  readonly terminating: NamedPools
  readonly disabled: NamedPools
  /** Of the last regular check by the server that answers; undefined if that is not known. */
  readonly findings: number | undefined
}

/** What needs attention: nearly full pools, terminating ones, trouble with etcd. */
export function Attention({ fullest, terminating, disabled, findings = 0 }: AttentionProps): JSX.Element {
  const full = fullest.filter((pool) => pool.isAllocatable && shareOf(usedUp(pool), pool.capacity) >= nearlyFull)
  const state = connection.value
  const isCalm = full.length + terminating.total + findings === 0 && state.state === 'connected'
  return (
    <section class="attention" aria-label="What needs attention">
      {state.state === 'unwell' &&
        state.checks.map(({ name, message }) => (
          <Item key={name} kind="trouble" word="Trouble">
            {name}: {message}
          </Item>
        ))}
      {findings > 0 && (
        <Item kind="trouble" word="Findings">
          the last check by this server found {counted(findings, 'inconsistency', 'inconsistencies')} in the stored
          data. <Link to={{ view: 'check' }}>Check and repair</Link>
        </Item>
      )}
      {full.slice(0, namedMax).map((pool) => (
        <Item key={pool.pool} kind="warn" word={pool.available === '0' ? 'Full' : 'Nearly full'}>
          <PoolName of={pool.pool} /> has {printCount(pool.available)} of {printCount(pool.capacity)} left (
          {printShare(shareOf(pool.available, pool.capacity))})
          {pool.fullAt !== null && (
            <>
              , full <Age at={pool.fullAt} />
            </>
          )}
        </Item>
      ))}
      {full.length > namedMax && (
        <Item kind="warn" word="Nearly full">
          {full.length - namedMax} more pools: they come first in the list
        </Item>
      )}
      {terminating.total > 0 && (
        <Item kind="warn" word="Terminating">
          <Names of={terminating} />
        </Item>
      )}
      {disabled.total > 0 && (
        <Item kind="" word="Disabled">
          <Names of={disabled} />
        </Item>
      )}
      {isCalm && (
        <Item kind="good" word="All well">
          no pool is nearly full or terminating. Regular checks run on one server at a time, and this page hears only of
          those of the server that it talks to. <Link to={{ view: 'check' }}>Check the stored data</Link>
        </Item>
      )}
    </section>
  )
}

/** What cannot be assigned any more: a reserved address does not help a pool that runs out. */
function usedUp({ capacity, available }: CountedPool): bigint {
  return BigInt(capacity) - BigInt(available)
}

function Item({ kind, word, children }: { kind: string; word: string; children: ComponentChildren }): JSX.Element {
  return (
    <p>
      <span class={`tag ${kind}`}>{word}</span> {children}
    </p>
  )
}

function Names({ of: { names, total } }: { of: NamedPools }): JSX.Element {
  return (
    <>
      {names.map((name, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <PoolName of={name} />
        </span>
      ))}
      {total > names.length && ` and ${printCount(total - names.length)} more`}
    </>
  )
}

import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type Change, newPool, Preview, useChange } from '../actions/index.ts'
import type { Schemas } from '../api/index.ts'
import { isFields } from '../fields.ts'
import { useReading } from '../live/index.ts'
import { Conflict, isSame } from '../merging/index.ts'
import { Curl, Heading, Trouble } from '../parts/index.ts'
import { go } from '../router/index.ts'
import { Difference, printYaml, readYaml } from '../yaml/index.ts'
import { hasFormOfPool, ownPart, versionOf, withVersion } from './object.ts'
import { PoolFields } from './pool-fields.tsx'

type Pool = Schemas['IPPool']

/** Creates a pool. */
export function NewPoolView(): JSX.Element {
  return <PoolEditor title="New pool" stored={undefined} />
}

/** Changes a pool. */
export function EditPoolView({ name }: { name: string }): JSX.Element {
  const { data, problem } = useReading(
    `pool ${name}`,
    (api) => api.GET('/apis/projectcalico.org/v3/ippools/{name}', { params: { path: { name } } }),
    ['ippools'],
  )
  if (data === undefined) return <Trouble problem={problem} />
  return <PoolEditor title={`Edit ${name}`} stored={data} />
}

/** The form, or the YAML, beside what would happen. `stored` is the pool as it is now, which may change meanwhile. */
function PoolEditor({ title, stored }: { title: string; stored: Pool | undefined }): JSX.Element {
  const [base, setBase] = useState(stored)
  const before = useMemo(() => (base === undefined ? newPool : ownPart(base)), [base])
  const [mine, setMine] = useState<unknown>(before)
  const [text, setText] = useState<string>()
  const [isCurl, setCurl] = useState(false)
  const parsed = text === undefined ? undefined : readYaml(text)
  const version = base === undefined ? undefined : versionOf(base)
  const body = withVersion(mine, version)
  const name = nameIn(mine)
  const isUnchanged = isSame(mine, before)
  const isTouched = !isUnchanged && parsed?.ok !== false && name !== '' && hasFormOfPool(body)
  const theirs = stored !== undefined && versionOf(stored) !== version ? ownPart(stored) : undefined
  const isConflict = theirs !== undefined && !isSame(theirs, before)

  // Whoever changed only what the server writes, such as a condition, is in nobody's way.
  useEffect(() => {
    if (theirs !== undefined && (!isConflict || isUnchanged)) begin(stored)
  }, [stored])
  const begin = (pool: Pool | undefined): void => {
    setBase(pool)
    if (pool !== undefined && isUnchanged) change(ownPart(pool))
  }
  const change = (pool: unknown): void => {
    setMine(pool)
    if (text !== undefined) setText(printYaml(pool))
  }
  const makeChange: Change<Pool> = (query) => (api) => {
    if (!hasFormOfPool(body)) throw new Error('the draft has not the form of a pool')
    const pool = body
    return base === undefined
      ? api.POST('/apis/projectcalico.org/v3/ippools', {
          params: { query: { ...query, fieldValidation: 'Strict' } },
          body: pool,
        })
      : api.PUT('/apis/projectcalico.org/v3/ippools/{name}', {
          params: { path: { name: base.metadata.name ?? '' }, query: { ...query, fieldValidation: 'Strict' } },
          body: pool,
        })
  }
  const state = useChange(isTouched && !isConflict ? JSON.stringify(body) : undefined, makeChange)
  const problem = state.problem ?? (state.preview?.ok === false ? state.preview.problem : undefined)
  useEffect(() => {
    if (state.done !== undefined) go({ view: 'pool', name: state.done.metadata.name ?? name }, { replace: true })
  }, [state.done])

  const verb = base === undefined ? `Create ${name === '' ? 'the pool' : name}` : `Change ${name}`
  return (
    <>
      <Heading title={title}>
        <div class="tabs" role="group" aria-label="Edit as">
          <button type="button" aria-pressed={text === undefined} onClick={() => setText(undefined)}>
            Form
          </button>
          <button type="button" aria-pressed={text !== undefined} onClick={() => setText(printYaml(mine))}>
            YAML
          </button>
        </div>
      </Heading>
      {isConflict && !isUnchanged && (
        <Conflict
          base={before}
          mine={mine}
          theirs={theirs}
          onTakeTheirs={() => {
            setBase(stored)
            change(theirs)
          }}
          onMerge={(merged) => {
            setBase(stored)
            change(merged)
          }}
        />
      )}
      <div class="editor">
        <div>
          {text === undefined ? (
            <PoolFields pool={mine} onPool={setMine} isNew={base === undefined} problem={problem} />
          ) : (
            <div class="field">
              <textarea
                class="code"
                aria-label="The pool as YAML"
                rows={24}
                spellcheck={false}
                value={text}
                onInput={(event) => {
                  const typed = event.currentTarget.value
                  setText(typed)
                  const read = readYaml(typed)
                  if (read.ok) setMine(read.value)
                }}
              />
              {parsed?.ok === false && (
                <p class="wrong" role="alert">
                  {parsed.message}
                </p>
              )}
            </div>
          )}
        </div>
        <aside>
          {isUnchanged ? (
            <p class="quiet">
              {base === undefined
                ? 'Fill in the name and the CIDR: the server then says what would happen.'
                : 'Nothing is changed yet.'}
            </p>
          ) : (
            <Preview draft={isTouched ? 'draft' : undefined} problem={problem}>
              {state.preview?.ok === true && (
                <Difference
                  before={base === undefined ? '' : printYaml(before)}
                  after={printYaml(ownPart(state.preview.data))}
                  label="What would change"
                />
              )}
            </Preview>
          )}
          {isCurl && <Curl what={verb} call={makeChange({})} />}
          <div class="buttons">
            <button
              type="button"
              class="button main"
              disabled={state.preview?.ok !== true || state.isBusy || isConflict}
              onClick={() => void state.carryOut()}
            >
              {verb}
            </button>
            <button
              type="button"
              class="button"
              onClick={() => go(base === undefined ? { view: 'pools' } : { view: 'pool', name })}
            >
              Cancel
            </button>
            <button type="button" class="button plain end" disabled={!isTouched} onClick={() => setCurl(!isCurl)}>
              Show as curl
            </button>
          </div>
        </aside>
      </div>
    </>
  )
}

function nameIn(pool: unknown): string {
  const metadata = isFields(pool) && isFields(pool['metadata']) ? pool['metadata'] : {}
  return typeof metadata['name'] === 'string' ? metadata['name'] : ''
}

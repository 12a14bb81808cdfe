import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { causesAt, type Problem } from '../api/index.ts'

/** What an input needs to be tied to its label, its help, and what is wrong with it. */
export interface FieldTies {
  readonly id: string
  readonly 'aria-describedby': string
  readonly 'aria-invalid': boolean
}

interface FieldProps {
  readonly label: string
  readonly help?: ComponentChildren
  readonly isWide?: boolean
  /** The fields of the request that the input stands for, by which the server blames it. */
  readonly blamed?: readonly string[]
  readonly problem?: Problem | undefined
  readonly children: (ties: FieldTies) => JSX.Element
}

/** A labelled input, with the server's words when it is wrong. */
function Field({ label, help, isWide = false, blamed = [], problem, children }: FieldProps): JSX.Element {
  const id = useId()
  const causes = blamed.flatMap((field) => causesAt(problem, field))
  const about = `${id}-about`
  return (
    <div class={isWide ? 'field wide' : 'field'}>
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': about, 'aria-invalid': causes.length > 0 })}
      <div id={about}>
        {causes.map(({ message }) => (
          <p key={message} class="wrong">
            {message}
          </p>
        ))}
        {help !== undefined && causes.length === 0 && <p class="help">{help}</p>}
      </div>
    </div>
  )
}

interface TextFieldProps extends Omit<FieldProps, 'children'> {
  readonly value: string
  readonly onValue: (value: string) => void
  readonly placeholder?: string
  readonly isCode?: boolean
  readonly rows?: number
  readonly isSecret?: boolean
  readonly isFocused?: boolean
}

/** A field with a text. */
export function TextField({
  value,
  onValue,
  placeholder,
  isCode = false,
  rows,
  isSecret = false,
  isFocused = false,
  ...field
}: TextFieldProps): JSX.Element {
  const common = { value, placeholder, spellcheck: false, autocomplete: 'off', class: isCode ? 'code' : undefined }
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (isFocused) input.current?.focus()
  }, [])
  return (
    <Field {...field}>
      {(ties) =>
        rows === undefined ? (
          <input
            {...ties}
            {...common}
            ref={input}
            {...(isSecret ? { type: 'password' as const } : { type: 'text' as const })}
            onInput={(event) => onValue(event.currentTarget.value)}
          />
        ) : (
          <textarea {...ties} {...common} rows={rows} onInput={(event) => onValue(event.currentTarget.value)} />
        )
      }
    </Field>
  )
}

interface SelectFieldProps extends Omit<FieldProps, 'children'> {
  readonly value: string
  readonly options: readonly (readonly [value: string, label: string])[]
  readonly onValue: (value: string) => void
}

/** A field with one of some values. */
export function SelectField({ value, options, onValue, ...field }: SelectFieldProps): JSX.Element {
  return (
    <Field {...field}>
      {(ties) => (
        <select {...ties} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {options.map(([option, label]) => (
            <option key={option} value={option}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** A field that is on or off. */
export function Choice({
  label,
  isOn,
  onChange,
}: {
  label: string
  isOn: boolean
  onChange: (isOn: boolean) => void
}): JSX.Element {
  return (
    <label class="choice">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  )
}

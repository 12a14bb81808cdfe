import fc from 'fast-check'

export type Labels = Readonly<Record<string, string>>

/** A selector in some spelling, and what it must mean, worked out beside the code under test. */
export interface Generated {
  readonly text: string
  readonly isSelected: (labels: Labels) => boolean
}

const names = ['a', 'b', 'in', 'not', 'has', 'constructor', '__proto__']
const strings = ['', 'x', 'y', 'xy', 'yx', '"', "it's", '&& (', 'é']

const name = fc.constantFrom(...names)
const string = fc.constantFrom(...strings)
const blank = fc.constantFrom('', ' ', '\t ')

/** Labels of few names and values, so that selectors often meet them. */
export const labels: fc.Arbitrary<Labels> = fc.dictionary(name, string, { maxKeys: 4 })

function quote(value: string, isSingle: boolean): string {
  const canBeSingle = !value.includes("'")
  return canBeSingle && (isSingle || value.includes('"')) ? `'${value}'` : `"${value}"`
}

function valueOf(labels: Labels, name: string): string | undefined {
  return new Map(Object.entries(labels)).get(name)
}

const call: fc.Arbitrary<Generated> = fc.oneof(
  fc.constantFrom('all()', 'global( )').map((text) => ({ text, isSelected: () => true })),
  fc.tuple(name, blank).map(([name, gap]) => ({
    text: `has(${gap}${name}${gap})`,
    isSelected: (labels: Labels) => valueOf(labels, name) !== undefined,
  })),
)

const operators: Readonly<Record<string, (value: string | undefined, wanted: string) => boolean>> = {
  '==': (value, wanted) => value === wanted,
  '!=': (value, wanted) => value !== wanted,
  ' contains': (value, wanted) => value?.includes(wanted) ?? false,
  ' starts with': (value, wanted) => value?.startsWith(wanted) ?? false,
  ' startswith': (value, wanted) => value?.startsWith(wanted) ?? false,
  ' ends \twith': (value, wanted) => value?.endsWith(wanted) ?? false,
}

const comparison: fc.Arbitrary<Generated> = fc
  .record({
    name,
    operator: fc.constantFrom(...Object.entries(operators)),
    value: string,
    gap: blank,
    isSingle: fc.boolean(),
  })
  .map(({ name, operator: [operator, compare], value, gap, isSingle }) => ({
    text: `${name}${gap}${operator}${gap}${quote(value, isSingle)}`,
    isSelected: (labels) => compare(valueOf(labels, name), value),
  }))

const membership: fc.Arbitrary<Generated> = fc
  .record({ name, isIn: fc.boolean(), values: fc.array(string, { maxLength: 4 }), gap: blank, isSingle: fc.boolean() })
  .map(({ name, isIn, values, gap, isSingle }) => {
    const list = values.map((value) => quote(value, isSingle)).join(`${gap},`)
    return {
      text: `${name} ${isIn ? 'in' : 'not in'}${gap}{${gap}${list}${isSingle && values.length > 0 ? ',' : ''}}`,
      isSelected: (labels) => [...values].includes(valueOf(labels, name) ?? '\0') === isIn,
    }
  })

/** Selectors of every form, nested a few levels deep. What stands beside a connective is put in parentheses when it is an "or". */
export const generated: fc.Arbitrary<Generated> = fc.letrec<{
  any: Generated
  primary: Generated
  conjunction: Generated
}>((tie) => ({
  primary: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    call,
    comparison,
    membership,
    fc.tuple(tie('any'), blank).map(([{ text, isSelected }, gap]) => ({ text: `(${gap}${text}${gap})`, isSelected })),
    fc.tuple(tie('primary'), blank).map(([{ text, isSelected }, gap]) => ({
      text: `!${gap}${text}`,
      isSelected: (labels: Labels) => !isSelected(labels),
    })),
  ),
  conjunction: joined(tie('primary'), '&&', (operands, labels) =>
    operands.every(({ isSelected }) => isSelected(labels)),
  ),
  any: joined(tie('conjunction'), '||', (operands, labels) => operands.some(({ isSelected }) => isSelected(labels))),
})).any

function joined(
  operand: fc.Arbitrary<Generated>,
  connective: string,
  combine: (operands: readonly Generated[], labels: Labels) => boolean,
): fc.Arbitrary<Generated> {
  return fc.tuple(fc.array(operand, { minLength: 1, maxLength: 3 }), blank).map(([operands, gap]) => ({
    text: operands.map(({ text }) => text).join(`${gap}${connective}${gap}`),
    isSelected: (labels) => combine(operands, labels),
  }))
}

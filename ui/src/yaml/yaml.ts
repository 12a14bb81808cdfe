import { parse, stringify } from 'yaml'

/** A value as YAML. */
export function printYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 })
}

/** Reads YAML, of which JSON is a part. A text that is none gives why. */
export function readYaml(
  text: string,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string } {
  try {
    return { ok: true, value: parse(text) as unknown }
  } catch (problem) {
    return { ok: false, message: problem instanceof Error ? problem.message : String(problem) }
  }
}

import { type Call, type Outcome, perform } from '../api/index.ts'

/** A list that was read to its end, or to the bound. */
export interface WholeList<Item> {
  readonly items: readonly Item[]
  /** False if there is more. */
  readonly isComplete: boolean
}

/** Reads a list of objects to its end, at most `pagesMax` pages of it. */
export async function readAll<Item>(
  call: (
    next: string | undefined,
  ) => Call<{ readonly metadata: { readonly continue?: string }; readonly items: readonly Item[] }>,
  pagesMax: number,
): Promise<Outcome<WholeList<Item>>> {
  const items: Item[] = []
  let next: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const outcome = await perform(call(next))
    if (!outcome.ok) return outcome
    items.push(...outcome.data.items)
    next = outcome.data.metadata.continue
    if (next === undefined || next === '') return { ok: true, data: { items, isComplete: true } }
  }
  return { ok: true, data: { items, isComplete: false } }
}

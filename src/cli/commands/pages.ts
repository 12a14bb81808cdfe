import type { Answer } from '../api/index.ts'
import type { Page } from '../session.ts'

/** The position at which a page begins, and its maximum length. */
export interface PageQuery {
  readonly continue: string | undefined
  readonly limit: number | undefined
}

/** How to read a list page by page. */
export interface Paging<Body extends object, Row> {
  readonly read: (page: PageQuery) => Promise<Answer<Body>>
  readonly rowsIn: (body: Body) => readonly Row[]
  /** The token of the next page; null or undefined on the last one. */
  readonly nextIn: (body: Body) => string | null | undefined
  /** Rows in all; by default the whole list. */
  readonly max?: number | undefined
}

const pageRowsMax = 1000

/** Reads the pages of a list, one after the other. */
export async function* pagesOf<Body extends object, Row>(paging: Paging<Body, Row>): AsyncGenerator<Page<Row>, void> {
  let next: string | null | undefined
  let left = paging.max ?? Infinity
  do {
    const limit = left === Infinity ? undefined : Math.min(left, pageRowsMax)
    const answer = await paging.read({ continue: next ?? undefined, limit })
    const rows = paging.rowsIn(answer.data)
    yield { rows, answer }
    left -= rows.length
    next = paging.nextIn(answer.data)
  } while (next !== null && next !== undefined && left > 0)
}

/** Reads all rows of a list. */
export async function allRows<Body extends object, Row>(paging: Paging<Body, Row>): Promise<readonly Row[]> {
  const rows: Row[] = []
  for await (const page of pagesOf(paging)) rows.push(...page.rows)
  return rows
}

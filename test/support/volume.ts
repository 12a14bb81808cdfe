/** Whether time does not matter: `npm run test:all`. */
export const isAll = process.env['IPPOOLD_TEST_VOLUME'] === 'all'

/** How many random cases a test tries: all of `cases` in `npm run test:all`, a tenth of them otherwise. */
export function volume(cases: number): number {
  return isAll ? cases : Math.ceil(cases / 10)
}

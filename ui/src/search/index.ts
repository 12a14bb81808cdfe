/** The search over everything. */
export { SearchBox } from './search-box.tsx'

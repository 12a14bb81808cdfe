/** What the page shows, by its address. */
export { View } from './view.tsx'

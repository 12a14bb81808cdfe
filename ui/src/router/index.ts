/** The addresses of the views. */
export { followLocation, go, route } from './location.ts'
export { type AddressFilter, type AssignDraft, printRoute, type Route } from './routes.ts'

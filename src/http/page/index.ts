/** The page for people, under `/ui/`. */
export { findPageFiles } from './files.ts'
export { pageRoutes, type PageSettings } from './routes.ts'

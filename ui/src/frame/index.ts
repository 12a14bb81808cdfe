/** What is around the views. */
export { App } from './app.tsx'
export { finishOidc } from './oidc.ts'

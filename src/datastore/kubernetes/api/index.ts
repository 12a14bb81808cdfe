/** The API server as a client sees it: connection and credentials, objects of a kind, discovery, the installed schemas. */
export { ApiClient, type ApiRequest } from './client.ts'
export { type ApiConnection, type Credentials, findConnection } from './connection.ts'
export { discoverGroup } from './discovery.ts'
export { ApiFailure, type ListOptions, ObjectClient, type ObjectPage, revisionOf, type WatchEvent } from './objects.ts'
export { type ApiOutcome, type ApiRefusal, describeRefusal, isConflict, isGone } from './outcome.ts'
export { InstalledSchema } from './schema.ts'

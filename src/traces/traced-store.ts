import type { OpenedStore } from '../datastore/index.ts'
import type { OperationSpans } from './operation-spans.ts'
import type { RequestSpan } from './request-span.ts'

/**
 * A store for the server's routes: the operations and reads of a request belong to its trace. Those that the server does by itself take the
 * store without it.
 */
export function traceStore(
  store: OpenedStore,
  operations: OperationSpans,
  current: () => RequestSpan | undefined,
): OpenedStore {
  return {
    submit: (plan, options) => operations.submit(current(), () => store.submit(plan, options)),
    page: async (family, options) => {
      const [request, startMs] = [current(), performance.now()]
      try {
        return await store.page(family, options)
      } finally {
        request?.addPart('read', startMs, performance.now())
      }
    },
    peek: (key) => store.peek(key),
    peekAll: (family, prefix) => store.peekAll(family, prefix),
    follow: (families, after) => store.follow(families, after),
    health: () => store.health(),
    members: () => store.members(),
    figures: () => store.figures(),
    get pending() {
      return store.pending
    },
    get waitedMs() {
      return store.waitedMs
    },
  }
}

/** The server of this page: the page is at `/ui/` of it, also if both are below the path of a proxy. */
export const serverUrl = new URL('..', location.href.replace(/[?#].*$/, '')).href.replace(/\/$/, '')

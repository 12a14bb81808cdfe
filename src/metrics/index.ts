/** What monitoring systems read of a server: what its parts tell as it happens, and the state of the pools. */
export { Metrics, type MetricsOptions } from './metrics.ts'

/** Metrics for monitoring systems: the events that the parts of a server report, and the state of the pools. */
export { Metrics, type MetricsOptions } from './metrics.ts'

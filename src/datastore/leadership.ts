import type { View } from '../plan/index.ts'

/** How to lead a task. */
export interface LeadershipOptions {
  readonly task: string
  /** Seconds after a leader's last sign of life until another server replaces it. */
  readonly seconds: number
  /** Called when this server begins to lead, and when it notices that it no longer does. */
  readonly changed: (isLeading: boolean) => void
}

/**
 * Leads a task on one server at a time. A leader cannot know that it still is one: it may have slept. So a plan for the task must ask
 * {@link isProved}, which makes the commit compare who leads; {@link isLeading} only saves work.
 */
export interface Leadership {
  /** Whether this server led when it last looked. */
  readonly isLeading: boolean
  /** Tries to lead, now and repeatedly, and gives signs of life while it leads. */
  start(): void
  /** Gives the leadership up, so that another server need not wait for it to lapse. */
  stop(): Promise<void>
  /** Whether this server leads, and so may write for the task. The commit proves it; if it fails, the plan runs again on fresh data. */
  isProved(view: View): boolean
}

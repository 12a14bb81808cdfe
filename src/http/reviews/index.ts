/** Reviews, as Kubernetes has them: who one is. */
export { selfSubjectReviewRoutes } from './self-subject-review.ts'

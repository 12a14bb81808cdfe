/** Reviews, as Kubernetes has them: who one is, and what one may do. */
export { accessReviewRoutes } from './access-reviews.ts'
export { selfSubjectReviewRoutes } from './self-subject-review.ts'

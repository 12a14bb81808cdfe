/** Kubernetes' reviews: the user and groups of the caller, and its rights. */
export { accessReviewRoutes } from './access-reviews.ts'
export { selfSubjectReviewRoutes } from './self-subject-review.ts'

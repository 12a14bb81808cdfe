/** Single objects: followed by lists and watches, and written once at the most. */
export { ImageFeed } from './feed.ts'
export { Informer, type InformerListener } from './informer.ts'
export { ObjectWriter, type Patience, type Present, type Written } from './writer.ts'

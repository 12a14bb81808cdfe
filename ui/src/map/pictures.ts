import type { Cell } from './cells.ts'
import { drawMap } from './draw.ts'
import type { Layout } from './layout.ts'
import type { Palette } from './palette.ts'

/** The last map that was drawn, kept because a cursor that moves over 65,536 cells must not draw them anew. */
export class MapPictures {
  readonly #canvas = document.createElement('canvas')
  #drawn: readonly unknown[] = []

  /** The picture of a map, drawn unless it is that of the last call. */
  of(layout: Layout, cells: readonly Cell[], palette: Palette, ratio: number): HTMLCanvasElement {
    const wanted = [layout, cells, palette, ratio]
    if (wanted.every((one, index) => one === this.#drawn[index])) return this.#canvas
    // Setting the size empties a canvas.
    this.#canvas.width = layout.width
    this.#canvas.height = layout.height
    const context = this.#canvas.getContext('2d')
    if (context !== null) drawMap(context, layout, cells, palette, ratio)
    this.#drawn = wanted
    return this.#canvas
  }
}

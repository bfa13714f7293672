/** What is seen of a scene; light enough to be asked before anything heavy comes. */

export interface Sight {
  /** Whether the scene has been drawn to the end once. */
  ready: boolean
  /** Whether the view stands and is drawn to the end. */
  settled: boolean
  /** Whether the view is where it was at first, or swings around there. */
  home: boolean
}

/** How long a scene may take to appear before it is worth a word. */
export const PATIENCE_MS = 45_000

export const hasWebGL2 = (): boolean => document.createElement('canvas').getContext('webgl2') !== null

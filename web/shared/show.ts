/** A stage on a canvas that fills the window: drawn when anything changes, turned by hands. */

import type { Lens } from './facts'
import { listen } from './hands'
import type { Sight } from './sight'
import type { Stage } from './stage'
import { View, type Margins } from './view'

const SLOW_FRAME_MS = 160
const SLOW_FRAMES = 4

/** How the picture lies in the window: cropped to its shape or whole, and what it leaves free. */
export interface Room {
  filled: boolean
  margins?: Margins
}

export class Show {
  private readonly view: View
  private readonly closing = new AbortController()
  private sight: Sight = { ready: false, settled: false, home: true }
  private due = 0
  private last = 0
  private slow = 0

  /** `turns`: by itself it goes all the way round, as objects do, instead of swinging a little. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly stage: Stage,
    private readonly lens: Lens,
    private readonly room: () => Room,
    private readonly changed: (sight: Sight) => void,
    turns = false,
  ) {
    this.view = new View(lens, matchMedia('(prefers-reduced-motion: reduce)').matches, turns)
    stage.dirty = this.redraw
  }

  /** Draw what is on the stage from now on. */
  start(): void {
    const { signal } = this.closing
    if (signal.aborted) return
    addEventListener('resize', this.resize, { signal })
    listen(this.canvas, this.view, this.lens.limits?.yaw, this.redraw, signal)
    this.resize()
  }

  reset(): void {
    this.view.reset()
    this.redraw()
  }

  close(): void {
    this.closing.abort()
    cancelAnimationFrame(this.due)
    void this.stage.close()
  }

  private readonly redraw = (): void => {
    if (this.closing.signal.aborted) return
    this.tell({ settled: false })
    this.due ||= requestAnimationFrame(this.frame)
  }

  private readonly frame = (now: number): void => {
    this.due = 0
    if (this.stage.isBusy) {
      this.redraw()
      return
    }
    const { stage, view } = this
    const passed = now - this.last
    this.last = now
    this.slow = view.swings && passed > SLOW_FRAME_MS ? this.slow + 1 : 0
    if (this.slow > SLOW_FRAMES) {
      this.slow = 0
      view.reset() // a swing in jerks is none
    }
    const moving = view.step(now, Math.min(passed, 100) / 1000)
    stage.draw(view)
    if (!this.sight.ready && stage.isSettled) {
      this.tell({ ready: true })
      view.swing(now)
    }
    this.tell({ home: view.isHome || view.swings })
    if (moving || view.swings || !stage.isSettled) this.redraw()
    else this.tell({ settled: true })
  }

  /** To be called when the room has changed; that the window has, it knows. */
  readonly resize = (): void => {
    const { filled, margins } = this.room()
    this.view.resize(innerWidth, innerHeight, filled, margins)
    this.stage.resize(innerWidth, innerHeight)
    this.redraw()
  }

  private tell(change: Partial<Sight>): void {
    this.sight = { ...this.sight, ...change }
    this.changed(this.sight)
  }
}

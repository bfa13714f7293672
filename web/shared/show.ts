/** A scene on a canvas that fills the window: drawn when anything changes, turned by hands. */

import type { Facts } from './facts'
import { listen } from './hands'
import type { Sight } from './sight'
import { Stage, type FileType } from './stage'
import { View } from './view'

const SLOW_FRAME_MS = 160
const SLOW_FRAMES = 4

export class Show {
  private readonly view: View
  private readonly stage: Stage
  private readonly closing = new AbortController()
  private sight: Sight = { ready: false, settled: false, home: true }
  private due = 0
  private last = 0
  private slow = 0

  /** `isFilled` says whether the picture shall be cropped to the window's shape. Throws without WebGL 2. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly facts: Facts,
    private readonly isFilled: () => boolean,
    private readonly changed: (sight: Sight) => void,
  ) {
    this.view = new View(facts, matchMedia('(prefers-reduced-motion: reduce)').matches)
    this.stage = new Stage(canvas, facts, this.redraw)
  }

  async open(file: Uint8Array, type: FileType): Promise<void> {
    await this.stage.load(file, type)
    const { signal } = this.closing
    if (signal.aborted) return
    addEventListener('resize', this.resize, { signal })
    listen(this.canvas, this.view, this.facts.limits?.yaw, this.redraw, signal)
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

  private readonly resize = (): void => {
    this.view.resize(innerWidth, innerHeight, this.isFilled())
    this.stage.resize(innerWidth, innerHeight)
    this.redraw()
  }

  private tell(change: Partial<Sight>): void {
    this.sight = { ...this.sight, ...change }
    this.changed(this.sight)
  }
}

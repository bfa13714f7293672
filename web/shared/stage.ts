/** Draws something with three.js as a view sees it, and knows when the processor is through. */

import { Color, PerspectiveCamera, Scene, WebGLRenderer } from 'three'
import type { View } from './view'

const MOST_PIXEL_RATIO = 2

export abstract class Stage {
  /** Called when a new picture is due. */
  dirty = (): void => {}

  protected readonly renderer: WebGLRenderer
  protected readonly scene = new Scene()
  protected readonly camera = new PerspectiveCamera()
  private drawn: WebGLSync | null = null

  /** Throws without WebGL 2. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    antialias: boolean,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias, powerPreference: 'high-performance' })
    this.scene.background = new Color(getComputedStyle(document.body).backgroundColor)
    this.camera.matrixAutoUpdate = false
  }

  /** Whether what was drawn last is all there. */
  abstract get isSettled(): boolean

  /** What must follow the view before it is drawn. */
  protected abstract prepare(view: View): void

  /** Give the graphics memory back. */
  close(): void {
    this.renderer.dispose()
    this.renderer.forceContextLoss()
  }

  resize(width: number, height: number): void {
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, MOST_PIXEL_RATIO))
    this.renderer.setSize(width, height, false)
  }

  draw(view: View): void {
    this.camera.matrix.copy(view.matrix())
    this.camera.matrixWorldNeedsUpdate = true
    this.camera.projectionMatrix.copy(view.projection())
    this.camera.projectionMatrixInverse.copy(this.camera.projectionMatrix).invert()
    this.canvas.style.clipPath = view.clip()
    this.prepare(view)
    this.renderer.render(this.scene, this.camera)
    const gl = this.renderer.getContext() as WebGL2RenderingContext
    gl.deleteSync(this.drawn)
    this.drawn = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0)
    gl.flush()
  }

  /** Whether the processor still draws; more to draw would only queue up, and the page would lag behind its hands. */
  get isBusy(): boolean {
    const gl = this.renderer.getContext() as WebGL2RenderingContext
    return this.drawn !== null && gl.getSyncParameter(this.drawn, gl.SYNC_STATUS) === gl.UNSIGNALED
  }
}

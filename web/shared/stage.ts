/** Draws the scene with Spark on three.js, and knows when a picture is finished. */

import { SparkRenderer, SplatFileType, SplatMesh } from '@sparkjsdev/spark'
import { Color, Matrix4, PerspectiveCamera, Scene, WebGLRenderer } from 'three'
import type { Facts } from './facts'
import type { View } from './view'

const MOST_PIXEL_RATIO = 2
const LOW_PASS = 0.3 // variance in square pixels, as in 3DGS and in the posters

const TYPES = { sog: SplatFileType.PCSOGSZIP, ply: SplatFileType.PLY }

export type FileType = keyof typeof TYPES

export class Stage {
  private readonly renderer: WebGLRenderer
  private readonly spark: SparkRenderer
  private readonly scene = new Scene()
  private readonly camera = new PerspectiveCamera()
  private mesh: SplatMesh | null = null
  private drawn: WebGLSync | null = null

  /** `dirty` is called when a new picture is due. Throws without WebGL 2. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly facts: Facts,
    dirty: () => void,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: false, powerPreference: 'high-performance' })
    this.scene.background = new Color(getComputedStyle(document.body).backgroundColor)
    this.spark = new SparkRenderer({
      renderer: this.renderer,
      onDirty: dirty,
      accumExtSplats: true,
      sortRadial: facts.limits === null,
      maxStdDev: 3.3, // alpha is 1/255 there
      blurAmount: 0,
    })
    this.scene.add(this.spark)
    this.camera.matrixAutoUpdate = false
  }

  /** Put a splat file on the stage. */
  async load(file: Uint8Array, type: FileType): Promise<void> {
    // extSplats: half floats would move the Gaussians of a sharp photo by half a pixel.
    const mesh = (this.mesh = new SplatMesh({ fileBytes: file, fileType: TYPES[type], extSplats: true }))
    await mesh.initialized
    const upright = new Matrix4().makeScale(1, -1, -1)
    const toCamera = new Matrix4().fromArray(this.facts.toCamera).transpose()
    const unit = 1 / this.facts.pivot
    upright.multiply(toCamera).premultiply(new Matrix4().makeScale(unit, unit, unit))
    upright.decompose(mesh.position, mesh.quaternion, mesh.scale)
    this.scene.add(mesh)
  }

  /** Give the graphics memory back, once nothing is read from it any more. */
  async close(): Promise<void> {
    while (this.spark.sorting) await new Promise(requestAnimationFrame)
    this.mesh?.dispose()
    this.spark.dispose()
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
    // Magnified, a photo's splats blur as its pixels would, instead of falling apart into dots.
    const magnification = this.facts.limits ? view.magnification * this.renderer.getPixelRatio() : 1
    this.spark.preBlurAmount = LOW_PASS * Math.max(1, magnification) ** 2
    this.canvas.style.clipPath = view.clip()
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

  /** Whether what was drawn last is all there, in the order of its view. */
  get isSettled(): boolean {
    const { sorting, sortDirty, dirty, activeSplats, display, current } = this.spark
    return !sorting && !sortDirty && !dirty && activeSplats > 0 && display === current
  }
}

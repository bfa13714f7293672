/** Puts a scene of Gaussians on the stage, with Spark. */

import { SparkRenderer, SplatFileType, SplatMesh } from '@sparkjsdev/spark'
import { Matrix4 } from 'three'
import type { Facts } from './facts'
import { Stage } from './stage'
import type { View } from './view'

const LOW_PASS = 0.3 // variance in square pixels, as in 3DGS and in the posters

const TYPES = { sog: SplatFileType.PCSOGSZIP, ply: SplatFileType.PLY }

export type FileType = keyof typeof TYPES

export class SplatStage extends Stage {
  private readonly spark: SparkRenderer
  private mesh: SplatMesh | null = null

  /** Throws without WebGL 2. */
  constructor(
    canvas: HTMLCanvasElement,
    private readonly facts: Facts,
  ) {
    super(canvas, false)
    this.spark = new SparkRenderer({
      renderer: this.renderer,
      onDirty: () => this.dirty(),
      accumExtSplats: true,
      sortRadial: facts.limits === null,
      maxStdDev: 3.3, // alpha is 1/255 there
      blurAmount: 0,
    })
    this.scene.add(this.spark)
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

  /** Once nothing is read from it any more. */
  override async close(): Promise<void> {
    while (this.spark.sorting) await new Promise(requestAnimationFrame)
    this.mesh?.dispose()
    this.spark.dispose()
    super.close()
  }

  protected override prepare(view: View): void {
    // Magnified, a photo's splats blur as its pixels would, instead of falling apart into dots.
    const magnification = this.facts.limits ? view.magnification * this.renderer.getPixelRatio() : 1
    this.spark.preBlurAmount = LOW_PASS * Math.max(1, magnification) ** 2
  }

  /** Also in the order of its view. */
  override get isSettled(): boolean {
    const { sorting, sortDirty, dirty, activeSplats, display, current } = this.spark
    return !sorting && !sortDirty && !dirty && activeSplats > 0 && display === current
  }
}

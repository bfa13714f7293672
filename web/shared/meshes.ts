/** Puts a textured object on the stage, in soft light that leaves its colours as they are. */

import {
  Box3,
  DoubleSide,
  Group,
  HemisphereLight,
  Mesh,
  MeshLambertMaterial,
  MeshStandardMaterial,
  TextureLoader,
  Vector3,
  type BufferGeometry,
  type Material,
  type Object3D,
  type Texture,
} from 'three'
import { GLTFLoader } from 'three/examples/jsm/loaders/GLTFLoader.js'
import type { Lens } from './facts'
import { Stage } from './stage'

const FOCAL = 1000
const RADIUS = 0.24 // of the object around its middle, in distances of the eye
const AIR = 1.05
const LIFT = 0.2 // of its width, as its height may grow by when it is seen from above
const LIGHT = new Vector3(-0.35, 0.55, 0.76) // over the viewer's left shoulder, as in the posters
const SHADE = 0x6b6b6b // of what faces away from it; there, too
const MOST_ANISOTROPY = 8

/** glTF gives each surface one material. */
type Surface = Mesh<BufferGeometry, Material & { map?: Texture | null }>

interface Size {
  middle: Vector3
  /** Of the sphere around the middle that holds all, and of the upright cylinder; half the height. */
  radius: number
  round: number
  half: number
}

export class MeshStage extends Stage {
  private readonly light = new HemisphereLight(0xffffff, SHADE, Math.PI)
  private readonly place = new Group()
  private object: Object3D | null = null

  /** Throws without WebGL 2. */
  constructor(canvas: HTMLCanvasElement) {
    super(canvas, true)
    this.scene.add(this.place, this.light)
  }

  /**
   * Put a GLB on the stage, in the place of what was there.
   *
   * The first one decides on what the view turns around and how large it looks; gives the lens for it. Others are
   * finer ones of the same, and stand where it stood.
   */
  async load(file: ArrayBuffer): Promise<Lens> {
    const { scene } = await reader().parseAsync(file, '')
    const anisotropy = Math.min(MOST_ANISOTROPY, this.renderer.capabilities.getMaxAnisotropy())
    for (const mesh of meshesOf(scene)) mesh.material = lit(mesh.material, anisotropy)
    const size = sizeOf(scene)
    if (this.object) discard(this.object)
    else {
      this.place.scale.setScalar(RADIUS / size.radius)
      this.place.position.copy(size.middle).multiplyScalar(-RADIUS / size.radius).z -= 1
    }
    this.place.clear().add((this.object = scene))
    this.dirty()
    return lensOf(size)
  }

  override close(): void {
    if (this.object) discard(this.object)
    super.close()
  }

  protected override prepare(): void {
    this.light.position.copy(LIGHT).transformDirection(this.camera.matrix)
  }

  override get isSettled(): boolean {
    return this.object !== null
  }
}

function reader(): GLTFLoader {
  return new GLTFLoader().register((parser) => {
    parser.textureLoader = new TextureLoader() // pictures as images: the page may not fetch what is no address
    return { name: 'pictures-as-images' }
  })
}

function meshesOf(object: Object3D): Surface[] {
  const found: Surface[] = []
  object.traverse((part) => part instanceof Mesh && found.push(part as Surface))
  return found
}

/** A surface that gives back all of its colour; what shall show without light does. */
function lit(material: Material, anisotropy: number): Material {
  if (!(material instanceof MeshStandardMaterial)) return material
  const { color, map, vertexColors } = material
  if (map) map.anisotropy = anisotropy
  return new MeshLambertMaterial({ color, map, vertexColors, side: DoubleSide })
}

function sizeOf(object: Object3D): Size {
  object.updateMatrixWorld()
  const middle = new Box3().setFromObject(object, true).getCenter(new Vector3())
  const size: Size = { middle, radius: 1e-6, round: 0, half: 0 }
  const point = new Vector3()
  for (const mesh of meshesOf(object)) {
    const places = mesh.geometry.getAttribute('position')
    for (let index = 0; index < places.count; index++) {
      const { x, y, z } = point.fromBufferAttribute(places, index).applyMatrix4(mesh.matrixWorld).sub(middle)
      size.radius = Math.max(size.radius, point.length())
      size.round = Math.max(size.round, Math.hypot(x, z))
      size.half = Math.max(size.half, Math.abs(y))
    }
  }
  return size
}

/** Shows all of it, from whichever side. */
function lensOf({ radius, round, half }: Size): Lens {
  const unit = RADIUS / radius
  const nearest = 1 - (unit * round) / 2 // what is nearer than that is hardly at the rim
  const pixels = (length: number) => ((2 * FOCAL * AIR) / nearest) * unit * length
  const [width, height] = [pixels(round), pixels(half + LIFT * round)]
  return { width, height, fx: FOCAL, fy: FOCAL, cx: width / 2, cy: height / 2, limits: null }
}

function discard(object: Object3D): void {
  for (const mesh of meshesOf(object)) {
    mesh.geometry.dispose()
    mesh.material.map?.dispose()
    mesh.material.dispose()
  }
}

/**
 * Where the scene is seen from, and how it gets there.
 *
 * A scene made from a photo is true only near the photo: the view turns around a point at its middle depth, within
 * limits; zooming and shifting crop the picture, which invents nothing. Any other scene, or an object, is walked around
 * freely.
 */

import { Matrix4, Vector3 } from 'three'
import type { Lens } from './facts'

const RADIANS = Math.PI / 180
const FREE_PITCH = 85 * RADIANS
const FREE_ZOOM = { least: 0.25, most: 20 }
const MOST_CROP = 4
const EASE_PER_SECOND = 11
const REST = 1e-4
const SWING = { seconds: 9, ofLimit: 0.5, freeDegrees: 14 }
const TURN = { seconds: 26, rise: 16 * RADIANS }
const NEAR = 0.02 // of the distance to the pivot, as for posters

/** Angles in radians; shifts in pixels of the window from its middle, or in pivot distances where free. */
interface Pose {
  yaw: number
  pitch: number
  zoom: number
  x: number
  y: number
  z: number
}

const HOME: Pose = { yaw: 0, pitch: 0, zoom: 1, x: 0, y: 0, z: 0 }
const PARTS = Object.keys(HOME) as (keyof Pose)[]

/** Pixels of the window that a picture shall leave free. */
export interface Margins {
  top: number
  bottom: number
  left: number
}

const NONE: Margins = { top: 0, bottom: 0, left: 0 }

const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most)

export class View {
  private pose = { ...HOME }
  private goal = { ...HOME }
  private swingSince: number | null = null
  private width = 1
  private height = 1
  private scale = 0
  private centreX = 0
  private centreY = 0
  private fit = { scale: 1, centreX: 0, centreY: 0 }

  /** By itself it stands still if `calm`, else goes all the way round what `turns`, or swings a little. */
  constructor(
    private readonly lens: Lens,
    private readonly calm: boolean,
    private readonly turns = false,
  ) {}

  /** Fit the picture into a window; `filled` crops it to the window's shape. */
  resize(width: number, height: number, filled: boolean, { top, bottom, left }: Margins = NONE): void {
    const free = { width: Math.max(1, width - left), height: Math.max(1, height - top - bottom) }
    const across = free.width / this.lens.width
    const down = free.height / this.lens.height
    const scale = filled ? Math.max(across, down) : Math.min(across, down)
    for (const pose of this.lens.limits ? [this.pose, this.goal] : []) {
      pose.x *= scale / (this.scale || scale)
      pose.y *= scale / (this.scale || scale)
    }
    Object.assign(this, { width, height })
    this.fit = { scale, centreX: left + free.width / 2, centreY: top + free.height / 2 }
    if (this.lens.limits || this.scale === 0) Object.assign(this, this.fit) // else it goes there
    this.limit()
    if (this.lens.limits) this.pose = { ...this.pose, x: this.goal.x, y: this.goal.y }
  }

  /** Turn as if the scene were dragged by so many pixels. */
  drag(right: number, down: number): void {
    const { limits } = this.lens
    const degrees = (limits ? 3 * limits.yaw : 200) / Math.min(this.width, this.height)
    this.turn(-right * degrees, down * degrees)
  }

  /** Move the eye so many degrees to the right and up, around the pivot. */
  turn(right: number, up: number): void {
    this.stopSwing()
    this.goal.yaw += right * RADIANS
    this.goal.pitch += up * RADIANS
    this.limit()
  }

  /** Shift the picture by pixels of the window. */
  shift(right: number, down: number): void {
    this.stopSwing()
    if (this.lens.limits) {
      this.goal.x += right
      this.goal.y += down
    } else {
      const perPixel = 1 / (this.lens.fx * this.scale * this.goal.zoom)
      const moved = new Vector3(-right * perPixel, down * perPixel, 0).transformDirection(this.eye(this.goal))
      const length = Math.hypot(right, down) * perPixel
      this.goal.x += moved.x * length
      this.goal.y += moved.y * length
      this.goal.z += moved.z * length
    }
    this.limit()
  }

  /** Magnify, keeping what is at a place of the window where it is. */
  zoom(factor: number, atX: number, atY: number): void {
    this.stopSwing()
    const before = this.goal.zoom
    this.goal.zoom = clamp(before * factor, this.leastZoom, this.mostZoom)
    if (this.lens.limits) {
      const grown = this.goal.zoom / before
      this.goal.x = (this.goal.x - (atX - this.width / 2)) * grown + atX - this.width / 2
      this.goal.y = (this.goal.y - (atY - this.height / 2)) * grown + atY - this.height / 2
    }
    this.limit()
  }

  /** To a closer look at a place, or back if the view is not at rest at home. */
  toggle(atX: number, atY: number): void {
    if (this.isHome) this.zoom(Math.max(2, this.fillingZoom), atX, atY)
    else this.reset()
  }

  reset(): void {
    this.stopSwing()
    const turns = Math.round(this.goal.yaw / (2 * Math.PI)) * 2 * Math.PI
    this.pose.yaw -= turns // the short way home
    this.goal = { ...HOME }
  }

  get isHome(): boolean {
    return PARTS.every((part) => Math.abs(this.goal[part] - HOME[part]) < REST)
  }

  /** Swing or turn gently until something else is asked for. */
  swing(now: number): void {
    if (!this.calm) this.swingSince = now
  }

  /** Keep where the swing has come to, and swing no more. */
  stopSwing(): void {
    if (this.swingSince === null) return
    this.swingSince = null
    this.goal = { ...this.pose }
    this.limit()
  }

  get swings(): boolean {
    return this.swingSince !== null
  }

  /** Go on towards where the view shall be; false once it is there. */
  step(now: number, seconds: number): boolean {
    const share = this.calm ? 1 : 1 - Math.exp(-EASE_PER_SECOND * seconds)
    const fits = this.goFitting(share)
    if (this.swingSince !== null) {
      this.sway(now - this.swingSince)
      return true
    }
    let away = 0
    for (const part of PARTS) {
      const left = this.goal[part] - this.pose[part]
      const unit = this.lens.limits && (part === 'x' || part === 'y') ? 1000 : 1
      away = Math.max(away, Math.abs(left) / unit)
      this.pose[part] += left * share
    }
    if (away > REST) return true
    this.pose = { ...this.goal }
    return !fits
  }

  /** To where it is `passed` milliseconds after it began to swing or to turn. */
  private sway(passed: number): void {
    if (this.turns) {
      const seconds = passed / 1000
      this.pose.yaw = ((seconds + Math.exp(-seconds) - 1) / TURN.seconds) * 2 * Math.PI // it sets out gently
      this.pose.pitch = (TURN.rise * (1 - Math.cos(this.pose.yaw))) / 2
      return
    }
    const limit = this.lens.limits?.yaw
    const reach = (limit === undefined ? SWING.freeDegrees : limit * SWING.ofLimit) * RADIANS
    const phase = (passed / 1000 / SWING.seconds) * 2 * Math.PI
    this.pose.yaw = reach * Math.sin(phase)
    this.pose.pitch = (reach / 5) * (1 - Math.cos(phase))
  }

  /** Go on towards how it shall lie in the window; whether it does. */
  private goFitting(share: number): boolean {
    const [scale, x, y] = [this.fit.scale - this.scale, this.fit.centreX - this.centreX, this.fit.centreY - this.centreY]
    if (Math.abs(scale) < REST && Math.hypot(x, y) < 0.5) {
      Object.assign(this, this.fit)
      return true
    }
    this.scale += scale * share
    this.centreX += x * share
    this.centreY += y * share
    return false
  }

  /** The eye's pose: x right, y up, looking along -z, the pivot at one unit. */
  matrix(): Matrix4 {
    return this.eye(this.pose)
  }

  private eye({ yaw, pitch, zoom, x, y, z }: Pose): Matrix4 {
    const distance = this.lens.limits ? 1 : 1 / zoom
    const pivot = this.lens.limits ? new Vector3(0, 0, -1) : new Vector3(x, y, z - 1)
    const toEye = new Vector3(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch))
    const eye = toEye.multiplyScalar(distance).add(pivot)
    return new Matrix4().lookAt(eye, pivot, new Vector3(0, 1, 0)).setPosition(eye)
  }

  /** The lens for the window, OpenGL's conventions. */
  projection(): Matrix4 {
    const { lens, width, height } = this
    const scale = this.scale * this.lensZoom
    const { x, y } = lens.limits ? this.pose : HOME
    const cx = this.centreX + (lens.cx - lens.width / 2) * scale + x
    const cy = this.centreY + (lens.cy - lens.height / 2) * scale + y
    const near = NEAR * (lens.limits ? 1 : 1 / this.pose.zoom)
    const far = 1e6 * near
    // prettier-ignore
    return new Matrix4().set(
      (2 * lens.fx * scale) / width, 0, 1 - (2 * cx) / width, 0,
      0, (2 * lens.fy * scale) / height, (2 * cy) / height - 1, 0,
      0, 0, -(far + near) / (far - near), (-2 * far * near) / (far - near),
      0, 0, -1, 0,
    )
  }

  /** Pixels of the window for a pixel of the picture, at the pivot. */
  get magnification(): number {
    return this.scale * this.lensZoom
  }

  /** What CSS leaves of the window so that nothing shows beyond the picture's frame. */
  clip(): string {
    if (!this.lens.limits) return 'none'
    const { x, y } = this.pose
    const across = (this.width - this.lens.width * this.magnification) / 2
    const down = (this.height - this.lens.height * this.magnification) / 2
    const insets = [down + y, across - x, down - y, across + x]
    return `inset(${insets.map((inset) => `${Math.max(0, inset)}px`).join(' ')})`
  }

  private get lensZoom(): number {
    return this.lens.limits ? this.pose.zoom : 1
  }

  private get leastZoom(): number {
    const { lens } = this
    return lens.limits ? Math.min(this.width / lens.width, this.height / lens.height) / this.scale : FREE_ZOOM.least
  }

  private get mostZoom(): number {
    return this.lens.limits ? Math.max(MOST_CROP, this.fillingZoom) : FREE_ZOOM.most
  }

  private get fillingZoom(): number {
    const { lens } = this
    return Math.max(this.width / lens.width, this.height / lens.height) / this.scale
  }

  private limit(): void {
    const { lens, goal } = this
    if (lens.limits) {
      const { yaw, pitch } = lens.limits
      goal.yaw = clamp(goal.yaw, -yaw * RADIANS, yaw * RADIANS)
      goal.pitch = clamp(goal.pitch, -pitch * RADIANS, pitch * RADIANS)
      const across = Math.max(0, (lens.width * this.scale * goal.zoom - this.width) / 2)
      const down = Math.max(0, (lens.height * this.scale * goal.zoom - this.height) / 2)
      goal.x = clamp(goal.x, -across, across)
      goal.y = clamp(goal.y, -down, down)
    } else {
      goal.pitch = clamp(goal.pitch, -FREE_PITCH, FREE_PITCH)
    }
  }
}

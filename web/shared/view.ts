/**
 * Where the scene is seen from, and how it gets there.
 *
 * A scene made from a photo is true only near the photo: the view turns around a point at its middle depth, within
 * limits; zooming and shifting crop the picture, which invents nothing. Any other scene is walked around freely.
 */

import { Matrix4, Vector3 } from 'three'
import type { Facts } from './facts'

const RADIANS = Math.PI / 180
const FREE_PITCH = 85 * RADIANS
const FREE_ZOOM = { least: 0.25, most: 20 }
const MOST_CROP = 4
const EASE_PER_SECOND = 11
const REST = 1e-4
const SWING = { seconds: 9, ofLimit: 0.5, freeDegrees: 14 }
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
const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most)

export class View {
  private pose = { ...HOME }
  private goal = { ...HOME }
  private swingSince: number | null = null
  private width = 1
  private height = 1
  private scale = 1

  constructor(
    private readonly facts: Facts,
    private readonly calm: boolean,
  ) {}

  /** Fit the picture into a window; `filled` crops it to the window's shape. */
  resize(width: number, height: number, filled: boolean): void {
    const across = width / this.facts.width
    const down = height / this.facts.height
    const scale = filled ? Math.max(across, down) : Math.min(across, down)
    for (const pose of this.facts.limits ? [this.pose, this.goal] : []) {
      pose.x *= scale / this.scale
      pose.y *= scale / this.scale
    }
    Object.assign(this, { width, height, scale })
    this.limit()
    if (this.facts.limits) this.pose = { ...this.pose, x: this.goal.x, y: this.goal.y }
  }

  /** Turn as if the scene were dragged by so many pixels. */
  drag(right: number, down: number): void {
    const { limits } = this.facts
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
    if (this.facts.limits) {
      this.goal.x += right
      this.goal.y += down
    } else {
      const perPixel = 1 / (this.facts.fx * this.scale * this.goal.zoom)
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
    if (this.facts.limits) {
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

  /** Swing gently until something else is asked for. */
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
    if (this.swingSince !== null) {
      const limit = this.facts.limits?.yaw
      const reach = (limit === undefined ? SWING.freeDegrees : limit * SWING.ofLimit) * RADIANS
      const phase = ((now - this.swingSince) / 1000 / SWING.seconds) * 2 * Math.PI
      this.pose.yaw = reach * Math.sin(phase)
      this.pose.pitch = (reach / 5) * (1 - Math.cos(phase))
      return true
    }
    const share = this.calm ? 1 : 1 - Math.exp(-EASE_PER_SECOND * seconds)
    let away = 0
    for (const part of PARTS) {
      const left = this.goal[part] - this.pose[part]
      const unit = this.facts.limits && (part === 'x' || part === 'y') ? 1000 : 1
      away = Math.max(away, Math.abs(left) / unit)
      this.pose[part] += left * share
    }
    if (away > REST) return true
    this.pose = { ...this.goal }
    return false
  }

  /** The eye's pose: x right, y up, looking along -z, the pivot at one unit. */
  matrix(): Matrix4 {
    return this.eye(this.pose)
  }

  private eye({ yaw, pitch, zoom, x, y, z }: Pose): Matrix4 {
    const distance = this.facts.limits ? 1 : 1 / zoom
    const pivot = this.facts.limits ? new Vector3(0, 0, -1) : new Vector3(x, y, z - 1)
    const toEye = new Vector3(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch))
    const eye = toEye.multiplyScalar(distance).add(pivot)
    return new Matrix4().lookAt(eye, pivot, new Vector3(0, 1, 0)).setPosition(eye)
  }

  /** The lens for the window, OpenGL's conventions. */
  projection(): Matrix4 {
    const { facts, width, height } = this
    const scale = this.scale * this.lensZoom
    const { x, y } = facts.limits ? this.pose : HOME
    const cx = width / 2 + (facts.cx - facts.width / 2) * scale + x
    const cy = height / 2 + (facts.cy - facts.height / 2) * scale + y
    const near = NEAR * (facts.limits ? 1 : 1 / this.pose.zoom)
    const far = 1e6 * near
    // prettier-ignore
    return new Matrix4().set(
      (2 * facts.fx * scale) / width, 0, 1 - (2 * cx) / width, 0,
      0, (2 * facts.fy * scale) / height, (2 * cy) / height - 1, 0,
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
    if (!this.facts.limits) return 'none'
    const { x, y } = this.pose
    const across = (this.width - this.facts.width * this.magnification) / 2
    const down = (this.height - this.facts.height * this.magnification) / 2
    const insets = [down + y, across - x, down - y, across + x]
    return `inset(${insets.map((inset) => `${Math.max(0, inset)}px`).join(' ')})`
  }

  private get lensZoom(): number {
    return this.facts.limits ? this.pose.zoom : 1
  }

  private get leastZoom(): number {
    const { facts } = this
    return facts.limits ? Math.min(this.width / facts.width, this.height / facts.height) / this.scale : FREE_ZOOM.least
  }

  private get mostZoom(): number {
    return this.facts.limits ? Math.max(MOST_CROP, this.fillingZoom) : FREE_ZOOM.most
  }

  private get fillingZoom(): number {
    const { facts } = this
    return Math.max(this.width / facts.width, this.height / facts.height) / this.scale
  }

  private limit(): void {
    const { facts, goal } = this
    if (facts.limits) {
      const { yaw, pitch } = facts.limits
      goal.yaw = clamp(goal.yaw, -yaw * RADIANS, yaw * RADIANS)
      goal.pitch = clamp(goal.pitch, -pitch * RADIANS, pitch * RADIANS)
      const across = Math.max(0, (facts.width * this.scale * goal.zoom - this.width) / 2)
      const down = Math.max(0, (facts.height * this.scale * goal.zoom - this.height) / 2)
      goal.x = clamp(goal.x, -across, across)
      goal.y = clamp(goal.y, -down, down)
    } else {
      goal.pitch = clamp(goal.pitch, -FREE_PITCH, FREE_PITCH)
    }
  }
}

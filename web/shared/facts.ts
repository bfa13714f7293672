/** What must be known of a scene or an object to show it as it was meant. */

/** The picture that the view shows at rest. */
export interface Lens {
  /** In pixels, as are all the following; OpenCV's conventions. */
  width: number
  height: number
  fx: number
  fy: number
  cx: number
  cy: number
  /** How far the view may turn to either side, in degrees; null: freely. */
  limits: { yaw: number; pitch: number } | null
}

export interface Facts extends Lens {
  /** What made the scene and how far to trust it. */
  label: string
  /** Of the model that made it; empty where that is not known. */
  licence: string
  /** Rows of the 4x4 transform from scene to camera, x right, y down, z forward. */
  toCamera: number[]
  /** Distance of the point that the view turns around, straight ahead, in the scene's unit. */
  pivot: number
}

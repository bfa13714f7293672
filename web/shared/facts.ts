/** What must be known of a scene to show it as it was meant. */

export interface Facts {
  /** What made the scene and how far to trust it. */
  label: string
  /** Of the model that made it; empty where that is not known. */
  licence: string
  /** The picture that the view shows at rest, in pixels, OpenCV's conventions. */
  width: number
  height: number
  fx: number
  fy: number
  cx: number
  cy: number
  /** Rows of the 4x4 transform from scene to camera, x right, y down, z forward. */
  toCamera: number[]
  /** Distance of the point that the view turns around, straight ahead, in the scene's unit. */
  pivot: number
  /** How far the view may turn to either side, in degrees; null: freely. */
  limits: { yaw: number; pitch: number } | null
}

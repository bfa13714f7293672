/** The parts of a mesh that a person knows by name; which of them come is up to the model. */

import { download, named, savedName, type Download } from '../job/artifacts'
import type { Job, Part } from '../server'

export interface Seen extends Part {
  title: string
  /** What is seen, for who does not see it. */
  alt: string
  /** Width by height. */
  ratio: number
  fileName: string
}

const SEEN = [
  { name: 'matte.png', title: 'Cut-out', alt: 'The photo with all but the object transparent', ratio: 1 },
  { name: 'pixel_images.png', title: 'Six views', alt: 'From the left, bottom, back, right, top and front', ratio: 6 },
  { name: 'xyz_images.png', title: 'Coordinates', alt: 'Where each pixel of the views lies in space', ratio: 6 },
]

/** The pictures, in the order in which they are made. */
export const pictures = (parts: readonly Part[], photo: string): Seen[] =>
  SEEN.flatMap((known) => {
    const part = named(parts, known.name)
    return part ? { ...known, ...part, fileName: savedName(photo, part.name) } : []
  })

/** The finest mesh that can be turned. */
export const finest = (parts: readonly Part[]): Part | undefined => named(parts, 'model.glb', 'preview.glb')

/** The mesh itself, for this use or that. */
export const downloads = (job: Job): Download[] =>
  ['model.glb', 'output3d.zip'].flatMap((name) => named(job.artifacts, name) ?? []).map((file) => download(job, file))

export interface Listed extends Download {
  name: string
}

/** All there is. */
export const listed = (job: Job): Listed[] => job.artifacts.map((file) => ({ ...download(job, file), name: file.name }))

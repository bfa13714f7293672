/** What a finished job left: files to download, a poster, the file to show. */

import type { FileType } from '../../../shared/stage'
import type { Artifact, Job } from '../server'
import { megabytes } from './words'

/** The smallest file that the viewer can read. */
export function sceneFile(job: Job): (Artifact & { type: FileType }) | null {
  for (const type of ['sog', 'ply'] as const) {
    const found = job.artifacts.find(({ name }) => name.endsWith(`.${type}`))
    if (found) return { ...found, type }
  }
  return null
}

export const poster = (job: Job): Artifact | undefined => job.artifacts.find(({ name }) => name === 'poster.webp')

export interface Download {
  href: string
  /** The photo's name with the file's ending. */
  fileName: string
  ending: string
  size: string
}

/** Splat files, the one to show first. */
export function downloads(job: Job): Download[] {
  const first = sceneFile(job)?.name
  const splats = job.artifacts.filter(({ name }) => /\.(sog|ply)$/.test(name))
  splats.sort((a, b) => Number(b.name === first) - Number(a.name === first))
  return splats.map(({ name, bytes, url }) => {
    const ending = name.slice(name.lastIndexOf('.'))
    return { href: url, fileName: stem(job.source_name) + ending, ending, size: megabytes(bytes) }
  })
}

export const stem = (name: string): string => name.replace(/\.[^.]+$/, '') || name

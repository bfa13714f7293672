/** The files of a splat. */

import type { FileType } from '../../../shared/splats'
import { download, named, type Download } from '../job/artifacts'
import type { Artifact, Job } from '../server'

/** The smallest file that the viewer can read. */
export function sceneFile({ artifacts }: Job): (Artifact & { type: FileType }) | null {
  const found = named(artifacts, 'output.sog', 'output.ply')
  return found ? { ...found, type: found.name === 'output.sog' ? 'sog' : 'ply' } : null
}

/** Splat files, the one to show first. */
export function downloads(job: Job): Download[] {
  const splats = ['output.sog', 'output.ply'].flatMap((name) => named(job.artifacts, name) ?? [])
  return splats.map((file) => download(job, file))
}

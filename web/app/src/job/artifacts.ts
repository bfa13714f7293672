/** What a job left, to be looked at and to be kept. */

import type { Artifact, Job, Part } from '../server'
import { megabytes } from './words'

export interface Download {
  href: string
  /** The photo's name with the file's ending, or with the part's name, as the server has it. */
  fileName: string
  ending: string
  size: string
}

const RESULTS = /^(output|output3d|model|poster|metadata)\./

export function download(job: Job, { name, bytes, url }: Artifact): Download {
  const ending = name.slice(name.lastIndexOf('.'))
  return { href: url, fileName: savedName(job.source_name, name), ending, size: megabytes(bytes) }
}

export function savedName(photo: string, part: string): string {
  return stem(photo) + (RESULTS.test(part) ? part.slice(part.lastIndexOf('.')) : `.${part}`)
}

export const stem = (name: string): string => name.replace(/\.[^.]+$/, '') || name

export const named = <P extends Part>(parts: readonly P[], ...names: string[]): P | undefined =>
  names.map((name) => parts.find((part) => part.name === name)).find((part) => part)

/** A still picture of the result: drawn by the server, or the object cut out of its photo. */
export const still = (parts: readonly Part[]): Part | undefined => named(parts, 'poster.webp', 'matte.png')

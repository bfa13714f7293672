/** What the page says of the server's words. */

import type { Job } from '../server'
import type { Stage, Task } from './task'

const STAGES: Record<string, string> = {
  decode: 'Reading the photo',
  load: 'Loading the model',
  matte: 'Finding the main object',
  shape: 'Giving it a body',
  texture: 'Painting sides and back',
  views: 'Drawing six views',
  coordinates: 'Mapping coordinates',
  mesh: 'Building the mesh',
  files: 'Writing files',
  depth: 'Guessing how far things are',
  layers: 'Filling what is hidden',
  lift: 'Placing Gaussians',
  predict: 'Predicting Gaussians',
  ply: 'Writing PLY',
  sog: 'Compressing to SOG',
  poster: 'Drawing the poster',
}

/** A model may have stages of its own. */
export const stageWords = (name: string): string => STAGES[name] ?? name.charAt(0).toUpperCase() + name.slice(1)

export const seconds = (value: number): string => `${value.toFixed(1)} s`

/** How much was made in which time. */
export function made({ gaussians, seconds: stages, cache_hit }: Job): string {
  const count = gaussians === null ? '' : `${gaussians.toLocaleString('en')} Gaussians`
  if (cache_hit) return count ? `${count}, kept from an equal request` : 'Kept from an equal request'
  const total = Object.values(stages).reduce((sum, stage) => sum + stage, 0)
  return [count, seconds(total)].filter(Boolean).join(' in ')
}

export const megabytes = (bytes: number): string =>
  bytes < 999_500
    ? `${Math.max(1, Math.round(bytes / 1000))} kB`
    : `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB`

const STATUS = { queued: 'Waiting', compressing: 'Compressing' }
const THING = { splat: 'scene', mesh: 'mesh' }

/** The headline of what happens now. */
export function headline(task: Task): string {
  switch (task.state) {
    case 'idle':
      return ''
    case 'opening':
      return 'Opening'
    case 'uploading':
      return task.sent < 1 ? 'Uploading' : 'Checking'
    case 'running':
      return task.status === 'converting' ? `Making the ${THING[task.kind]}` : STATUS[task.status]
    case 'finished':
      return `The ${THING[task.job.kind]} is ready`
    case 'failed':
      return task.title
  }
}

/** What a listener hears; only what is news, no ticking. */
export function spoken(task: Task): string {
  if (task.state === 'failed') return `${task.title}. ${task.detail}`
  if (task.state !== 'running') return headline(task)
  if (!task.linked) return 'Reconnecting'
  const stage = task.stages.at(-1)
  if (task.status === 'queued') return place(task.position) || headline(task)
  return stage ? stageWords(stage.name) : headline(task)
}

export function place(position: number | null): string {
  if (position === null) return ''
  return position === 1 ? 'Next in the queue' : `Number ${position} in the queue`
}

export const running = (stages: readonly Stage[]): Stage | undefined => stages.find((stage) => stage.seconds === null)

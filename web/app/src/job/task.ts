/** One photo's way to a splat or a mesh, as the page knows it. */

import type { Job, Kind, Part, Status } from '../server'

export interface Stage {
  name: string
  /** 0 to 1; stages that cannot say stay at 0. */
  fraction: number
  /** When the page first heard of it, in milliseconds. */
  began: number
  /** How long it took; null while it runs. */
  seconds: number | null
}

export type RunningStatus = Extract<Status, 'queued' | 'converting' | 'compressing'>

export type Task =
  | { state: 'idle' }
  | { state: 'opening'; id: string; linked: boolean }
  | { state: 'uploading'; kind: Kind; name: string; sent: number }
  | {
      state: 'running'
      id: string
      kind: Kind
      name: string
      status: RunningStatus
      position: number | null
      stages: Stage[]
      /** What it has made so far, in order. */
      parts: Part[]
      linked: boolean
      cancelling: boolean
    }
  | { state: 'finished'; id: string; job: Job }
  | { state: 'failed'; title: string; detail: string; passes: boolean }

/** `at` is the time in milliseconds. */
export type TaskEvent =
  | { type: 'left' }
  | { type: 'opened'; id: string }
  | { type: 'chosen'; kind: Kind; name: string }
  | { type: 'sent'; fraction: number }
  | { type: 'accepted'; id: string }
  | { type: 'status'; status: RunningStatus }
  | { type: 'progress'; stage: string; fraction: number; at: number }
  | { type: 'artifact'; part: Part }
  | { type: 'job'; job: Job; at: number }
  | { type: 'linked'; linked: boolean }
  | { type: 'cancelling'; cancelling: boolean }
  | { type: 'refused'; title: string; detail: string; passes: boolean }

type Running = Extract<Task, { state: 'running' }>

const ORDER: RunningStatus[] = ['queued', 'converting', 'compressing']

export function next(task: Task, event: TaskEvent): Task {
  switch (event.type) {
    case 'left':
      return { state: 'idle' }
    case 'opened':
      return { state: 'opening', id: event.id, linked: true }
    case 'chosen':
      return { state: 'uploading', kind: event.kind, name: event.name, sent: 0 }
    case 'refused':
      return { state: 'failed', title: event.title, detail: event.detail, passes: event.passes }
    case 'sent':
      return task.state === 'uploading' ? { ...task, sent: event.fraction } : task
    case 'accepted':
      return task.state === 'uploading' ? begun(event.id, task.kind, task.name) : task
    case 'linked':
      return 'linked' in task ? { ...task, linked: event.linked } : task
    case 'job':
      return heard(task, event.job, event.at)
  }
  if (task.state !== 'running') return task
  switch (event.type) {
    case 'status':
      return { ...task, status: later(task.status, event.status) }
    case 'progress':
      return { ...task, stages: moved(task.stages, event.stage, event.fraction, event.at) }
    case 'artifact':
      return { ...task, parts: united(task.parts, [event.part]) }
    case 'cancelling':
      return { ...task, cancelling: event.cancelling }
  }
}

function begun(id: string, kind: Kind, name: string): Running {
  const unknown = { position: null, stages: [], parts: [], linked: true, cancelling: false }
  return { state: 'running', id, kind, name, status: 'queued', ...unknown }
}

/** The whole of what the server knows; it may be older than what the stream told since. */
function heard(task: Task, job: Job, at: number): Task {
  if ((task.state !== 'opening' && task.state !== 'running') || task.id !== job.id) return task
  switch (job.status) {
    case 'completed':
      return { state: 'finished', id: job.id, job }
    case 'cancelled':
      return { state: 'failed', title: 'Cancelled', detail: `No ${job.kind} was made of this photo.`, passes: true }
    case 'failed': {
      const { title, detail } = job.error ?? { title: 'This did not work', detail: 'The server does not say why.' }
      return { state: 'failed', title, detail, passes: false }
    }
  }
  const running = task.state === 'running' ? task : begun(job.id, job.kind, job.source_name)
  const known = new Map(running.stages.map((stage) => [stage.name, stage]))
  const finished = Object.entries(job.seconds).filter(([name]) => name !== job.stage)
  const timed = finished.map(([name, seconds]) => ({ name, fraction: 1, began: known.get(name)?.began ?? at, seconds }))
  const names = new Set(finished.map(([name]) => name))
  const stages = [...timed, ...running.stages.filter(({ name }) => !names.has(name))]
  const isNews = job.stage !== null && (known.get(job.stage)?.seconds ?? null) === null
  return {
    ...running,
    status: later(running.status, job.status),
    position: job.queue_position,
    parts: united(running.parts, job.artifacts),
    stages: isNews ? moved(stages, job.stage!, job.progress ?? 0, at) : stages,
  }
}

/** A stream heard from its beginning tells again what has passed. */
const later = (a: RunningStatus, b: RunningStatus): RunningStatus => (ORDER.indexOf(a) > ORDER.indexOf(b) ? a : b)

/** Without those that are known already. */
const united = (known: Part[], told: Part[]): Part[] => [
  ...known,
  ...told.filter(({ name }) => known.every((part) => part.name !== name)),
]

/** One stage runs at a time: what ran before it has ended. */
function moved(stages: Stage[], name: string, fraction: number, at: number): Stage[] {
  const known = stages.find((stage) => stage.name === name)
  if (known && known.seconds !== null && fraction === 1) return stages
  const began = known?.seconds === null ? known.began : at
  const stage: Stage = { name, fraction, began, seconds: null }
  const all = known ? stages.map((other) => (other === known ? stage : other)) : [...stages, stage]
  return all.map((other) => {
    if (other.seconds !== null || (other === stage && fraction < 1)) return other
    return { ...other, fraction: 1, seconds: (at - other.began) / 1000 }
  })
}

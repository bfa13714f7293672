import { describe, expect, it } from 'vitest'
import type { Job } from '../server'
import { next, type Task, type TaskEvent } from './task'

const job = (change: Partial<Job> = {}): Job => ({
  id: 'a1',
  kind: 'splat',
  done: false,
  status: 'converting',
  stage: null,
  progress: null,
  queue_position: null,
  error: null,
  label: null,
  licence: null,
  cache_hit: false,
  seconds: {},
  gaussians: null,
  source_name: 'tea.jpg',
  artifacts: [],
  view: null,
  ...change,
})

const after = (...events: TaskEvent[]): Task => events.reduce(next, { state: 'idle' } as Task)

const SENT: TaskEvent[] = [
  { type: 'chosen', kind: 'splat', name: 'tea.jpg' },
  { type: 'sent', fraction: 1 },
  { type: 'accepted', id: 'a1' },
]
const progress = (stage: string, fraction: number, at: number): TaskEvent => ({ type: 'progress', stage, fraction, at })

function stages(task: Task): unknown[] {
  if (task.state !== 'running') throw new Error(task.state)
  return task.stages.map(({ name, fraction, seconds }) => [name, fraction, seconds])
}

describe('a photo', () => {
  it('is uploaded, then waits', () => {
    expect(after({ type: 'chosen', kind: 'splat', name: 'tea.jpg' }, { type: 'sent', fraction: 0.5 })).toEqual({
      state: 'uploading',
      kind: 'splat',
      name: 'tea.jpg',
      sent: 0.5,
    })
    expect(after(...SENT)).toMatchObject({ state: 'running', id: 'a1', name: 'tea.jpg', status: 'queued' })
  })

  it('that is refused says why', () => {
    const refused = { title: 'Not a photo', detail: 'It is a song.', passes: false }
    expect(after(...SENT, { type: 'refused', ...refused })).toEqual({ state: 'failed', ...refused })
  })

  it('becomes a scene', () => {
    const completed = job({ status: 'completed', done: true })
    expect(after(...SENT, { type: 'job', job: completed, at: 0 })).toMatchObject({ state: 'finished', job: completed })
  })

  it('that fails has the words of the server', () => {
    const failed = job({ status: 'failed', done: true, error: { code: 'x', title: 'Too dark', detail: 'All black.' } })
    expect(after(...SENT, { type: 'job', job: failed, at: 0 })).toMatchObject({
      title: 'Too dark',
      detail: 'All black.',
    })
  })

  it('that was cancelled may be tried again', () => {
    const cancelled = job({ status: 'cancelled', done: true })
    expect(after(...SENT, { type: 'job', job: cancelled, at: 0 })).toMatchObject({ state: 'failed', passes: true })
  })

  it('knows its place in the queue', () => {
    const waiting = job({ status: 'queued', queue_position: 3 })
    expect(after(...SENT, { type: 'job', job: waiting, at: 0 })).toMatchObject({ status: 'queued', position: 3 })
  })
})

describe('stages', () => {
  it('follow each other, each with its time', () => {
    const task = after(...SENT, progress('decode', 0, 1000), progress('matte', 0, 1250), progress('matte', 0.4, 2000))
    expect(stages(task)).toEqual([
      ['decode', 1, 0.25],
      ['matte', 0.4, null],
    ])
  })

  it('end when they are whole, once', () => {
    const task = after(...SENT, progress('decode', 0, 1000), progress('decode', 1, 1500), progress('decode', 1, 9000))
    expect(stages(task)).toEqual([['decode', 1, 0.5]])
  })

  it('begin anew when the work does', () => {
    const task = after(...SENT, progress('a', 0, 0), progress('b', 0, 1000), progress('a', 0, 2000))
    expect(stages(task)).toEqual([
      ['a', 0, null],
      ['b', 1, 1],
    ])
  })

  it('that passed while the stream was cut come from the job, none twice', () => {
    const known = job({ stage: 'lift', progress: 0.2, seconds: { decode: 0.1, matte: 0.6, depth: 0.3, lift: 0.1 } })
    const cut: TaskEvent[] = [
      progress('decode', 1, 100),
      progress('matte', 0.5, 400),
      { type: 'linked', linked: false },
    ]
    const task = after(...SENT, ...cut, { type: 'job', job: known, at: 2000 })
    expect(stages(task)).toEqual([
      ['decode', 1, 0.1],
      ['matte', 1, 0.6],
      ['depth', 1, 0.3],
      ['lift', 0.2, null],
    ])
  })

  it('are not taken back by what is older than the stream', () => {
    const old = job({ stage: 'decode', progress: 0.5 })
    const task = after(...SENT, progress('decode', 0, 0), progress('matte', 0, 1000), {
      type: 'job',
      job: old,
      at: 1100,
    })
    expect(stages(task)).toEqual([
      ['decode', 1, 1],
      ['matte', 0, null],
    ])
  })
})

describe('parts', () => {
  const told = (name: string): TaskEvent => ({ type: 'artifact', part: { name, url: `/${name}` } })
  const known = (...names: string[]): TaskEvent => {
    const artifacts = names.map((name) => ({ name, url: `/${name}`, type: '', bytes: 1 }))
    return { type: 'job', job: job({ kind: 'mesh', artifacts }), at: 0 }
  }

  function names(task: Task): string[] {
    if (task.state !== 'running') throw new Error(task.state)
    return task.parts.map(({ name }) => name)
  }

  it('come one by one, each once', () => {
    expect(names(after(...SENT, told('a'), told('b'), told('a')))).toEqual(['a', 'b'])
  })

  it('that came before the page was opened are known from the job', () => {
    const task = after({ type: 'opened', id: 'a1' }, known('a', 'b'), told('b'), told('c'))
    expect(names(task)).toEqual(['a', 'b', 'c'])
    expect(task).toMatchObject({ kind: 'mesh' })
  })

  it('are not taken back by what is older than the stream', () => {
    expect(names(after(...SENT, told('a'), told('b'), known('a')))).toEqual(['a', 'b'])
  })
})

describe('a stream', () => {
  it('heard from its beginning again takes nothing back', () => {
    const status = (status: 'queued' | 'converting' | 'compressing'): TaskEvent => ({ type: 'status', status })
    expect(after(...SENT, status('compressing'), status('queued'))).toMatchObject({ status: 'compressing' })
  })

  it('that breaks and comes back is told of', () => {
    const broken = after(...SENT, { type: 'linked', linked: false })
    expect(broken).toMatchObject({ state: 'running', linked: false })
    expect(next(broken, { type: 'linked', linked: true })).toMatchObject({ linked: true })
  })

  it('of a task that was left changes nothing', () => {
    const other = job({ id: 'b2', status: 'completed', done: true })
    expect(after(...SENT, { type: 'job', job: other, at: 0 })).toMatchObject({ state: 'running', id: 'a1' })
    expect(after({ type: 'left' }, progress('matte', 0.5, 0))).toEqual({ state: 'idle' })
  })
})

describe('an address', () => {
  const opened: TaskEvent = { type: 'opened', id: 'a1' }

  it('opens a task that runs', () => {
    const task = after(opened, { type: 'job', job: job({ stage: 'matte', progress: 0.5 }), at: 0 })
    expect(task).toMatchObject({ state: 'running', name: 'tea.jpg', status: 'converting' })
    expect(stages(task)).toEqual([['matte', 0.5, null]])
  })

  it('opens a task that is done', () => {
    const task = after(opened, { type: 'job', job: job({ status: 'completed', done: true }), at: 0 })
    expect(task.state).toBe('finished')
  })
})

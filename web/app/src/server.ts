/** What the page says to the server, and what it hears. */

import type { Facts } from '../../shared/facts'
import { headers, refused, withKey } from './key/key'

export type Status = 'queued' | 'converting' | 'compressing' | 'completed' | 'failed' | 'cancelled'

export type Kind = 'splat' | 'mesh'

/** What to make of a photo. */
export interface Wish {
  kind: Kind
  /** In pixels, of splats; null: as the photo says. */
  focalLength: number | null
}

/** A file that a job made. */
export interface Part {
  name: string
  url: string
}

export interface Artifact extends Part {
  type: string
  bytes: number
}

export interface Job {
  id: string
  kind: Kind
  done: boolean
  status: Status
  stage: string | null
  /** How far the stage is, 0 to 1. */
  progress: number | null
  queue_position: number | null
  error: { code: string; title: string; detail: string } | null
  /** What the model calls its results; null until there are any, as below. */
  label: string | null
  licence: string | null
  /** Whether the result was there from an equal request; it then has no seconds. */
  cache_hit: boolean
  /** Stage to how long it took, in the order they began. */
  seconds: Record<string, number>
  gaussians: number | null
  source_name: string
  artifacts: Artifact[]
  view: Facts | null
}

export interface JobPage {
  jobs: Job[]
  /** The cursor of the page after this; null on the last. */
  next: string | null
}

export interface Health {
  /** What a photo may be at most. */
  pictures: { max_bytes: number; max_pixels: number }
}

/** Why the server would not; its words are for the reader. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(`${title}. ${detail}`)
  }

  /** Whether the same may well succeed later. */
  get passes(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export const PAUSE_MS = 2000

const JOBS = '/v1/jobs'
const ALIVE: Status[] = ['queued', 'converting', 'compressing', 'completed']
const UNREACHABLE = new Problem(0, 'The server cannot be reached', 'Check that it runs and that you are connected.')

/** Send a photo; gives the job's id. Throws a Problem. */
export function upload(
  photo: File,
  wish: Wish,
  sent: (fraction: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const request = new XMLHttpRequest() // fetch does not tell how much was sent
  const form = new FormData()
  form.append('file', photo)
  form.append('kind', wish.kind)
  if (wish.kind === 'splat' && wish.focalLength !== null) form.append('focal_length', String(wish.focalLength))
  return new Promise((resolve, reject) => {
    request.upload.onprogress = ({ loaded, total }) => sent(total ? loaded / total : 0)
    request.onload = () => {
      if (request.status === 202) resolve((JSON.parse(request.responseText) as Job).id)
      else reject(problem(request.status, request.responseText))
    }
    request.onerror = () => reject(UNREACHABLE)
    signal.addEventListener('abort', () => request.abort())
    request.open('POST', JOBS)
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value)
    request.send(form)
  })
}

/** Throws a Problem. */
export const readJob = async (id: string, signal: AbortSignal): Promise<Job> =>
  reachable(await ask<Job>(job(id), { signal }))

/** Jobs that are not lost, the newest first. Throws a Problem. */
export async function readJobs(limit: number, cursor: string | null): Promise<JobPage> {
  const query = new URLSearchParams(ALIVE.map((status) => ['status', status]))
  query.set('limit', String(limit))
  if (cursor !== null) query.set('cursor', cursor)
  const page = await ask<JobPage>(`${JOBS}?${query}`)
  return { ...page, jobs: page.jobs.map(reachable) }
}

/** Throws a Problem. */
export const cancelJob = async (id: string): Promise<Job> =>
  reachable(await ask<Job>(`${job(id)}/cancel`, { method: 'POST' }))

/** Throws a Problem, also when the server is not well. */
export const readHealth = (): Promise<Health> => ask('/health')

export const streamUrl = (id: string): string => withKey(`${job(id)}/events?progress=true`)

/** A part that was told, where the page can fetch it. */
export const reached = <P extends Part>(part: P): P => ({ ...part, url: withKey(part.url) })

const reachable = (job: Job): Job => ({ ...job, artifacts: job.artifacts.map(reached) })

const job = (id: string): string => `${JOBS}/${encodeURIComponent(id)}`

/** Before the server is asked again. */
export const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, PAUSE_MS)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      done()
    })
  })

/** A file that a job made, however often it takes until it is here. Throws a Problem, or when `signal` says so. */
export async function readFile(url: string, signal: AbortSignal): Promise<ArrayBuffer> {
  for (;;) {
    try {
      const answer = await fetch(url, { signal })
      if (!answer.ok) throw problem(answer.status, await answer.text())
      return await answer.arrayBuffer()
    } catch (error) {
      if (signal.aborted || error instanceof Problem) throw error
      await pause(signal)
    }
  }
}

async function ask<T>(url: string, options: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, { ...options, headers: headers() }).catch(() => {
    throw UNREACHABLE
  })
  if (!answer.ok) throw problem(answer.status, await answer.text())
  return (await answer.json()) as T
}

function problem(status: number, body: string): Problem {
  if (status === 401) refused()
  try {
    const { title, detail } = JSON.parse(body) as { title?: string; detail?: string }
    if (title) return new Problem(status, title, detail ?? '')
  } catch {
    // A proxy's page, not the server's words.
  }
  return new Problem(status, 'The server would not take this', `It answered with status ${status}.`)
}

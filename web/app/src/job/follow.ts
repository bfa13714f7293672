/** Follows a task on the server to its end, through cut streams and restarts. */

import { PAUSE_MS, pause, Problem, reached, readJob, streamUrl, type Part, type Status } from '../server'
import type { TaskEvent } from './task'

/** Ends when the task has ended or `signal` says so; throws a Problem when there is no such task. */
export async function follow(id: string, signal: AbortSignal, tell: (event: TaskEvent) => void): Promise<void> {
  /** Whether the task goes on. */
  const refresh = async (): Promise<boolean> => {
    try {
      const job = await readJob(id, signal)
      if (signal.aborted) return false
      tell({ type: 'linked', linked: true })
      tell({ type: 'job', job, at: performance.now() })
      return !job.done
    } catch (error) {
      if (signal.aborted) return false
      if (!(error instanceof Problem) || !error.passes) throw error
      tell({ type: 'linked', linked: false })
      return true
    }
  }
  while (await refresh()) {
    const told = await listen(id, signal, tell, refresh)
    if (!told) await pause(signal)
  }
}

/** Ends with the stream, a cut one being taken up again by the browser; whether it told the task's end. */
async function listen(
  id: string,
  signal: AbortSignal,
  tell: (event: TaskEvent) => void,
  refresh: () => Promise<boolean>,
): Promise<boolean> {
  const stream = new EventSource(streamUrl(id))
  let queued = true
  let asking = 0
  try {
    return await new Promise<boolean>((end, fail) => {
      const ask = (): void => void refresh().then((goesOn) => goesOn || end(true), fail)
      asking = window.setInterval(() => queued && ask(), PAUSE_MS) // the stream does not tell the place in the queue
      signal.addEventListener('abort', () => end(false))
      stream.onopen = ask
      stream.onerror = () => {
        tell({ type: 'linked', linked: false })
        if (stream.readyState === EventSource.CLOSED) end(false)
      }
      stream.addEventListener('status', ({ data }: MessageEvent<string>) => {
        const { status } = JSON.parse(data) as { status: Status }
        queued = status === 'queued'
        if (status === 'queued' || status === 'converting' || status === 'compressing') tell({ type: 'status', status })
        else end(true)
      })
      stream.addEventListener('progress', ({ data }: MessageEvent<string>) => {
        const { stage, fraction } = JSON.parse(data) as { stage: string; fraction: number }
        tell({ type: 'progress', stage, fraction, at: performance.now() })
      })
      stream.addEventListener('artifact', ({ data }: MessageEvent<string>) => {
        tell({ type: 'artifact', part: reached(JSON.parse(data) as Part) })
      })
    })
  } finally {
    clearInterval(asking)
    stream.close()
  }
}

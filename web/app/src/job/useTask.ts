/** The task that the page shows: begun with a photo, or found by the address. */

import { onMounted, onUnmounted, shallowReadonly, shallowRef } from 'vue'
import { cancelJob, Problem, upload, type Wish } from '../server'
import { follow } from './follow'
import { next, type Task, type TaskEvent } from './task'

const LOST = {
  title: 'There is no such task here',
  detail: 'The link may be incomplete, or the result has been deleted since.',
}

export const addressOf = (id: string): string => `/?task=${encodeURIComponent(id)}`

export function useTask() {
  const task = shallowRef<Task>({ state: 'idle' })
  const photo = shallowRef<File | null>(null)
  let current = new AbortController()

  const tell = (event: TaskEvent): void => {
    task.value = next(task.value, event)
  }

  /** Turn to another task; what is still on its way for the last one is dropped. */
  function turn(event: TaskEvent): AbortSignal {
    current.abort()
    current = new AbortController()
    tell(event)
    return current.signal
  }

  function fail(error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    if (!(error instanceof Problem)) throw error
    const { title, detail } = error.status === 404 ? LOST : error
    tell({ type: 'refused', title, detail, passes: error.passes })
  }

  async function begin(file: File, wish: Wish): Promise<void> {
    photo.value = file
    const signal = turn({ type: 'chosen', kind: wish.kind, name: file.name })
    try {
      const id = await upload(file, wish, (fraction) => tell({ type: 'sent', fraction }), signal)
      if (signal.aborted) return
      history.pushState(null, '', addressOf(id))
      tell({ type: 'accepted', id })
      await follow(id, signal, tell)
    } catch (error) {
      fail(error, signal)
    }
  }

  /** Show the task in the address, or none. */
  async function open(): Promise<void> {
    photo.value = null
    const id = new URLSearchParams(location.search).get('task')
    const signal = turn(id ? { type: 'opened', id } : { type: 'left' })
    if (id) await follow(id, signal, tell).catch((error: unknown) => fail(error, signal))
  }

  /** Go to a task, or to none. */
  function go(address: string): void {
    history.pushState(null, '', address)
    void open()
  }

  async function cancel(): Promise<void> {
    const { value } = task
    if (value.state === 'uploading') turn({ type: 'left' })
    if (value.state !== 'running') return
    tell({ type: 'cancelling', cancelling: true })
    try {
      tell({ type: 'job', job: await cancelJob(value.id), at: performance.now() })
    } catch {
      tell({ type: 'cancelling', cancelling: false }) // it goes on, and so does its stream
    }
  }

  const changed = (): void => void open()
  onMounted(() => {
    addEventListener('popstate', changed)
    changed()
  })
  onUnmounted(() => {
    removeEventListener('popstate', changed)
    current.abort()
  })
  return { task: shallowReadonly(task), photo, begin, go, cancel }
}

/** The finished scene on a canvas; words where it cannot be shown. */

import { onBeforeUnmount, onMounted, ref, shallowRef, type Ref } from 'vue'
import type { Show } from '../../../shared/show'
import { hasWebGL2, PATIENCE_MS, type Sight } from '../../../shared/sight'
import type { Job } from '../server'
import { sceneFile } from './artifacts'

const STILL = 'What you see is a still picture.'

export function useShow(canvas: Ref<HTMLCanvasElement | null>, job: Job, isFilled: Ref<boolean>) {
  const sight = shallowRef<Sight>({ ready: false, settled: false, home: true })
  const failed = ref(false)
  const words = ref('')
  const ending = new AbortController()
  let show: Show | undefined

  function fail(text: string): void {
    if (ending.signal.aborted) return
    failed.value = true
    words.value = `${text} ${STILL}`
  }

  async function run(): Promise<void> {
    const scene = sceneFile(job)
    if (!scene || !job.view) return fail('This scene can be downloaded, but not turned here.')
    if (!hasWebGL2()) return fail('Turning the scene needs WebGL 2, which this browser lacks or has switched off.')
    const [{ Show }, file] = await Promise.all([import('../../../shared/show'), fetchBytes(scene.url, ending.signal)])
    if (ending.signal.aborted || !canvas.value) return
    show = new Show(
      canvas.value,
      job.view,
      () => isFilled.value,
      (seen) => {
        sight.value = seen
        if (seen.ready) words.value = ''
      },
    )
    await show.open(file, scene.type)
  }

  onMounted(() => {
    const patience = setTimeout(() => {
      if (!sight.value.ready && !failed.value) words.value = `The scene takes long to appear here. ${STILL}`
    }, PATIENCE_MS)
    ending.signal.addEventListener('abort', () => clearTimeout(patience))
    canvas.value?.addEventListener('webglcontextlost', () => {
      fail('The graphics processor gave up; reload to try again.')
    })
    run().catch((error: unknown) => fail(`The scene cannot be shown here: ${String(error)}`))
  })
  onBeforeUnmount(() => {
    ending.abort()
    show?.close()
  })
  return { sight, failed, words, reset: () => show?.reset() }
}

async function fetchBytes(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const answer = await fetch(url, { signal })
  if (!answer.ok) throw new Error(`the server answered with status ${answer.status}.`)
  return new Uint8Array(await answer.arrayBuffer())
}

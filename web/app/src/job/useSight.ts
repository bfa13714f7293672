/** What is seen of a scene or an object on a canvas, and what a person is told where it cannot be shown. */

import { computed, onBeforeUnmount, onMounted, ref, shallowRef, type Ref } from 'vue'
import { PATIENCE_MS, type Sight } from '../../../shared/sight'

const STILL = 'What you see is a still picture.'

export function useSight(canvas: Ref<HTMLCanvasElement | null>, thing: 'scene' | 'mesh') {
  const sight = shallowRef<Sight>({ ready: false, settled: false, home: true })
  const failed = ref(false)
  const words = ref('')
  const ending = new AbortController()
  const { signal } = ending

  function fail(text: string): void {
    if (signal.aborted) return
    failed.value = true
    words.value = `${text} ${STILL}`
  }

  function changed(seen: Sight): void {
    sight.value = seen
    if (seen.ready && !failed.value) words.value = ''
  }

  /** Say so if it takes long from now on. */
  function hurry(): void {
    const patience = setTimeout(() => {
      if (!sight.value.ready && !failed.value) words.value = `The ${thing} takes long to appear here. ${STILL}`
    }, PATIENCE_MS)
    signal.addEventListener('abort', () => clearTimeout(patience))
  }

  /** `loading`, `moving`, `settled` or `failed`. */
  const view = computed(() => {
    if (failed.value) return 'failed'
    if (!sight.value.ready) return 'loading'
    return sight.value.settled ? 'settled' : 'moving'
  })

  onMounted(() => {
    canvas.value?.addEventListener('webglcontextlost', () => {
      fail('The graphics processor gave up; reload to try again.')
    })
  })
  onBeforeUnmount(() => ending.abort())
  return { sight, view, words, signal, fail, changed, hurry }
}

export const NO_WEBGL = 'Turning it needs WebGL 2, which this browser lacks or has switched off.'

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

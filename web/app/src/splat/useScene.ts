/** The finished scene on a canvas; words where it cannot be shown. */

import { onBeforeUnmount, onMounted, type Ref } from 'vue'
import type { Show } from '../../../shared/show'
import { hasWebGL2 } from '../../../shared/sight'
import { messageOf, NO_WEBGL, useSight } from '../job/useSight'
import { readFile, type Job } from '../server'
import { sceneFile } from './artifacts'

export function useScene(canvas: Ref<HTMLCanvasElement | null>, job: Job, isFilled: Ref<boolean>) {
  const { sight, view, words, signal, fail, changed, hurry } = useSight(canvas, 'scene')
  let show: Show | undefined

  async function run(): Promise<void> {
    const scene = sceneFile(job)
    if (!scene || !job.view) return fail('This scene can be downloaded, but not turned here.')
    if (!hasWebGL2()) return fail(NO_WEBGL)
    hurry()
    const [{ Show }, { SplatStage }, file] = await Promise.all([
      import('../../../shared/show'),
      import('../../../shared/splats'),
      readFile(scene.url, signal),
    ])
    if (signal.aborted || !canvas.value) return
    const stage = new SplatStage(canvas.value, job.view)
    show = new Show(canvas.value, stage, job.view, () => ({ filled: isFilled.value }), changed)
    await stage.load(new Uint8Array(file), scene.type)
    show.start()
  }

  onMounted(() => run().catch((error: unknown) => fail(`The scene cannot be shown here: ${messageOf(error)}`)))
  onBeforeUnmount(() => show?.close())
  return { sight, view, words, reset: () => show?.reset() }
}

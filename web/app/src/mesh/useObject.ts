/** A mesh on a canvas as soon as there is one, its finer form in the same place; words where it cannot be shown. */

import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue'
import type { MeshStage } from '../../../shared/meshes'
import type { Show } from '../../../shared/show'
import { hasWebGL2 } from '../../../shared/sight'
import type { Margins } from '../../../shared/view'
import { messageOf, NO_WEBGL, useSight } from '../job/useSight'
import { readFile, type Part } from '../server'

const viewer = () => Promise.all([import('../../../shared/show'), import('../../../shared/meshes')])

/** `mesh` is the best that there is now; `margins` are what the picture shall leave free. */
export function useObject(
  canvas: Ref<HTMLCanvasElement | null>,
  mesh: () => Part | undefined,
  margins: () => Margins,
) {
  const { sight, view, words, signal, fail, changed, hurry } = useSight(canvas, 'mesh')
  /** Name of what stands there. */
  const standing = ref<string>()
  let stage: MeshStage | undefined
  let show: Show | undefined
  let turn = Promise.resolve()

  async function put(part: Part): Promise<void> {
    if (part.name !== mesh()?.name) return // there is a finer one by now
    const [[{ Show }, { MeshStage }], file] = await Promise.all([viewer(), readFile(part.url, signal)])
    if (signal.aborted || !canvas.value) return
    stage ??= new MeshStage(canvas.value)
    const lens = await stage.load(file)
    standing.value = part.name
    if (show) return
    show = new Show(canvas.value, stage, lens, () => ({ filled: false, margins: margins() }), changed, true)
    show.start()
  }

  onMounted(() => {
    if (!hasWebGL2()) return fail(NO_WEBGL)
    void viewer() // while the server still works
    watch(
      () => mesh()?.name,
      () => {
        const part = mesh()
        if (!part) return
        hurry()
        turn = turn.then(() => put(part)).catch((error: unknown) => fail(`The mesh cannot be shown: ${messageOf(error)}`))
      },
      { immediate: true },
    )
  })
  onBeforeUnmount(() => show?.close())
  return { sight, view, words, standing, reset: () => show?.reset(), resize: () => show?.resize() }
}

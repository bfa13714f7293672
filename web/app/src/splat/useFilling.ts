/** Whether a picture fills the window, cropped, or shows whole: filled if little of it is lost, as in the viewer. */

import { computed, onUnmounted, shallowRef } from 'vue'

const MOST_LOST = 1 / 3

export function useFilling(size: () => { width: number; height: number } | null) {
  const measure = () => innerWidth / innerHeight
  const aspect = shallowRef(measure())
  const resized = (): void => {
    aspect.value = measure()
  }
  addEventListener('resize', resized)
  onUnmounted(() => removeEventListener('resize', resized))
  return computed(() => {
    const picture = size()
    if (!picture) return false
    const stretch = (aspect.value * picture.height) / picture.width
    return Math.min(stretch, 1 / stretch) >= 1 - MOST_LOST
  })
}

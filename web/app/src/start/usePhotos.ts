/** Photos that are dropped on the window or pasted into it. */

import { onMounted, onUnmounted, ref } from 'vue'

/** `take` gets the first file; `over` is whether one hovers. */
export function usePhotos(take: (photo: File) => void) {
  const over = ref(false)
  const ending = new AbortController()
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false
  const takeFirst = (files: FileList | undefined): void => {
    if (files?.[0]) take(files[0])
  }

  onMounted(() => {
    const { signal } = ending
    addEventListener(
      'dragover',
      (event) => {
        if (!holdsFiles(event)) return
        event.preventDefault()
        over.value = true
      },
      { signal },
    )
    addEventListener('dragleave', (event) => (over.value &&= event.relatedTarget !== null), { signal })
    addEventListener(
      'drop',
      (event) => {
        over.value = false
        if (!holdsFiles(event)) return
        event.preventDefault()
        takeFirst(event.dataTransfer?.files)
      },
      { signal },
    )
    addEventListener('paste', (event) => takeFirst(event.clipboardData?.files), { signal })
  })
  onUnmounted(() => ending.abort())
  return { over }
}

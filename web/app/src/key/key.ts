/** The key that a server may want; the browser keeps it. */

import { ref } from 'vue'

const PLACE = 'wheatstone-key'
const HEADER = 'X-API-Key'

/** Why the reader must give a key, or another one; null while none is missing. */
export const missing = ref<'none' | 'unknown' | null>(null)

const kept = (): string => localStorage.getItem(PLACE) ?? ''

/** For requests. */
export const headers = (): Record<string, string> => (kept() ? { [HEADER]: kept() } : {})

/** For pictures, streams and downloads, where a browser sends no headers of ours. */
export function withKey(url: string): string {
  if (!kept()) return url
  const address = new URL(url, location.href)
  address.searchParams.set('token', kept())
  return address.href
}

/** The server has answered that it wants a key that it knows. */
export function refused(): void {
  missing.value = kept() ? 'unknown' : 'none'
}

/** Keep a key, and begin again with it. */
export function keep(key: string): void {
  localStorage.setItem(PLACE, key.trim())
  location.reload()
}

/** What the page carries beside this program: facts about the scene, and the scene itself as SOG. */

import type { Facts } from '../../shared/facts'

export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no #${id}.`)
  return found as T
}

export const readFacts = (): Facts => JSON.parse(element('facts').textContent ?? '') as Facts

/** The SOG file; it stands at the end of the page, so this waits for the whole page. Can be read once. */
export async function readScene(): Promise<Uint8Array> {
  if (document.readyState === 'loading') {
    await new Promise((done) => document.addEventListener('DOMContentLoaded', done, { once: true }))
  }
  const text = element('scene').textContent ?? ''
  element('scene').remove()
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text)
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

/** Mouse, touch and keys: what hands do to the view. */

import type { View } from './view'

const KEY_SHARE = 0.25 // of the limit a press
const KEY_DEGREES = 8 // where there is no limit
const KEY_ZOOM = 1.25
const TAP_PIXELS = 8
const TAP_MS = 300
const WHEEL = { 0: 1, 1: 16, 2: 400 } as Record<number, number> // pixels a step, by the event's mode

interface Finger {
  x: number
  y: number
}

/** Let hands move the view, keys until `signal`; `moved` is told after each change. */
export function listen(
  stage: HTMLElement,
  view: View,
  limit: number | undefined,
  moved: () => void,
  signal: AbortSignal,
): void {
  const fingers = new Map<number, Finger>()
  let lastTap = { x: 0, y: 0, time: -Infinity }
  let travelled = 0

  stage.addEventListener('pointerdown', (event) => {
    view.stopSwing()
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    if (fingers.size === 1) travelled = 0
    stage.setPointerCapture(event.pointerId)
    stage.classList.add('held')
    moved()
  })
  stage.addEventListener('pointermove', (event) => {
    const finger = fingers.get(event.pointerId)
    if (!finger) return
    const [right, down] = [event.clientX - finger.x, event.clientY - finger.y]
    travelled += Math.hypot(right, down)
    if (fingers.size === 2) {
      const before = spread(fingers)
      Object.assign(finger, { x: event.clientX, y: event.clientY })
      const after = spread(fingers)
      view.zoom(after.size / before.size, before.x, before.y)
      view.shift(after.x - before.x, after.y - before.y)
    } else {
      Object.assign(finger, { x: event.clientX, y: event.clientY })
      if (event.shiftKey || event.buttons & 6) view.shift(right, down)
      else view.drag(right, down)
    }
    moved()
  })
  const release = (event: PointerEvent) => {
    fingers.delete(event.pointerId)
    stage.classList.toggle('held', fingers.size > 0)
  }
  stage.addEventListener('pointercancel', release)
  stage.addEventListener('pointerup', (event) => {
    release(event)
    if (fingers.size > 0 || travelled > TAP_PIXELS || event.button !== 0) return
    const tap = { x: event.clientX, y: event.clientY, time: event.timeStamp }
    if (tap.time - lastTap.time < TAP_MS && Math.hypot(tap.x - lastTap.x, tap.y - lastTap.y) < 4 * TAP_PIXELS) {
      view.toggle(tap.x, tap.y)
      lastTap.time = -Infinity
      moved()
    } else {
      lastTap = tap
    }
  })
  stage.addEventListener('contextmenu', (event) => event.preventDefault())
  stage.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const pixels = event.deltaY * (WHEEL[event.deltaMode] ?? 1)
      view.zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX, event.clientY)
      moved()
    },
    { passive: false },
  )

  const step = limit === undefined ? KEY_DEGREES : limit * KEY_SHARE
  const middle = () => [innerWidth / 2, innerHeight / 2] as const
  const keys: Record<string, () => void> = {
    ArrowLeft: () => view.turn(-step, 0),
    ArrowRight: () => view.turn(step, 0),
    ArrowUp: () => view.turn(0, step),
    ArrowDown: () => view.turn(0, -step),
    '+': () => view.zoom(KEY_ZOOM, ...middle()),
    '-': () => view.zoom(1 / KEY_ZOOM, ...middle()),
    r: () => view.reset(),
    f: toggleFullScreen,
  }
  keys['='] = keys['+']!
  addEventListener(
    'keydown',
    (event) => {
      const act = keys[event.key] ?? keys[event.key.toLowerCase()]
      if (!act || event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) return
      event.preventDefault()
      act()
      moved()
    },
    { signal },
  )
}

export function toggleFullScreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen()
  else if (document.fullscreenEnabled) void document.documentElement.requestFullscreen()
}

/** The middle of two fingers and how far they are apart, in pixels. */
function spread(fingers: Map<number, Finger>): { x: number; y: number; size: number } {
  const [a, b] = [...fingers.values()] as [Finger, Finger]
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) }
}

import { Vector3 } from 'three'
import { describe, expect, it } from 'vitest'
import type { Lens } from './facts'
import { View } from './view'

const LENS: Lens = { width: 400, height: 400, fx: 800, fy: 800, cx: 200, cy: 200, limits: null }

/** An object in a window of 1000x800. */
function view({ calm = true, turns = true } = {}): View {
  const view = new View(LENS, calm, turns)
  view.resize(1000, 800, false)
  return view
}

/** Where in the window a point of the scene is seen. */
function seen(view: View, point = new Vector3(0, 0, -1)): { x: number; y: number } {
  const { x, y } = point.clone().applyMatrix4(view.matrix().invert()).applyMatrix4(view.projection())
  return { x: Math.round((1 + x) * 500), y: Math.round((1 - y) * 400) }
}

describe('an object', () => {
  it('lies in the middle of what the words leave free, and goes there when they grow', () => {
    const shown = view({ calm: false })
    expect(seen(shown)).toEqual({ x: 500, y: 400 })
    shown.resize(1000, 800, false, { top: 50, bottom: 250, left: 200 })
    expect(seen(shown)).toEqual({ x: 500, y: 400 })
    expect(shown.step(0, 0.05)).toBe(true)
    expect(seen(shown).y).toBeGreaterThan(300)
    while (shown.step(0, 0.05));
    expect(seen(shown)).toEqual({ x: 600, y: 300 })
  })

  it('turns all the way round until it is stopped, and comes home the short way', () => {
    const shown = view({ calm: false })
    shown.swing(0)
    const left = new Vector3(-0.1, 0, -1)
    const places = [0, 6_500, 13_000, 19_500].map((now) => {
      shown.step(now, 0.05)
      return seen(shown, left).x - 500
    })
    expect(Math.min(...places)).toBeLessThan(-100)
    expect(Math.max(...places)).toBeGreaterThan(100)
    shown.step(24_000, 0.05)
    const before = seen(shown, left).x
    shown.reset()
    shown.step(24_050, 0.01)
    expect(Math.abs(seen(shown, left).x - before)).toBeLessThan(20)
    while (shown.step(0, 0.05));
    expect(shown.isHome).toBe(true)
  })

  it('stands still for who wants less motion, and goes at once where it shall be', () => {
    const shown = view()
    shown.swing(0)
    expect(shown.swings).toBe(false)
    shown.turn(90, 0)
    shown.step(0, 0.01)
    expect(shown.step(0, 0.01)).toBe(false)
    expect(seen(shown, new Vector3(0.1, 0, -1)).x).toBe(500)
  })
})

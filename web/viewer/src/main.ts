/** The page: a picture at once, the scene as soon as it is there, words if it cannot be. */

import { element, readFacts, readScene } from './facts'
import { listen } from './hands'
import { Stage } from './stage'
import { View } from './view'

const PATIENCE_MS = 45_000
const SLOW_FRAME_MS = 160
const SLOW_FRAMES = 4
const STILL = 'What you see is a still picture.'

const root = document.documentElement
const facts = readFacts()
const canvas = element<HTMLCanvasElement>('stage')

element('name').textContent = document.title
element('label').textContent = facts.label
canvas.setAttribute('aria-label', document.title)

function say(text: string): void {
  element('message').textContent = text
  element('message').hidden = text === ''
}

function fail(text: string): void {
  root.dataset.state = 'failed'
  say(`${text} ${STILL}`)
}

async function run(): Promise<void> {
  const view = new View(facts, matchMedia('(prefers-reduced-motion: reduce)').matches)
  let due = 0
  let last = 0
  let slow = 0
  const redraw = () => {
    root.dataset.view = 'moving'
    due ||= requestAnimationFrame(frame)
  }
  const stage = new Stage(canvas, facts, redraw)

  function frame(now: number): void {
    due = 0
    if (stage.isBusy) {
      redraw()
      return
    }
    const passed = now - last
    last = now
    slow = view.swings && passed > SLOW_FRAME_MS ? slow + 1 : 0
    if (slow > SLOW_FRAMES) {
      slow = 0
      view.reset() // a swing in jerks is none
    }
    const moving = view.step(now, Math.min(passed, 100) / 1000)
    stage.draw(view)
    root.classList.toggle('home', view.isHome || view.swings)
    if (root.dataset.state === 'loading' && stage.isSettled) {
      root.dataset.state = 'ready'
      say('')
      view.swing(now)
    }
    if (moving || view.swings || !stage.isSettled) redraw()
    else root.dataset.view = 'settled'
  }

  function resize(): void {
    view.resize(innerWidth, innerHeight, root.classList.contains('filled'))
    stage.resize(innerWidth, innerHeight)
    redraw()
  }

  canvas.addEventListener('webglcontextlost', () => fail('The graphics processor gave up; reload to try again.'))
  await stage.load(await readScene())
  addEventListener('resize', resize)
  listen(canvas, view, facts.limits?.yaw, redraw)
  resize()
}

const hasWebGL2 = document.createElement('canvas').getContext('webgl2') !== null
if (hasWebGL2) {
  setTimeout(() => {
    if (root.dataset.state === 'loading') say(`The scene takes long to appear here. ${STILL}`)
  }, PATIENCE_MS)
  run().catch((error: unknown) => fail(`The scene cannot be shown: ${String(error)}`))
} else {
  fail('Turning the scene needs WebGL 2, which this browser lacks or has switched off.')
}

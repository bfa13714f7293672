/** The page: a picture at once, the scene as soon as it is there, words if it cannot be. */

import { toggleFullScreen } from '../../shared/hands'
import { Show } from '../../shared/show'
import { hasWebGL2, PATIENCE_MS, type Sight } from '../../shared/sight'
import { SplatStage } from '../../shared/splats'
import { element, readFacts, readScene } from './contents'

const STILL = 'What you see is a still picture.'

const root = document.documentElement
const facts = readFacts()
const canvas = element<HTMLCanvasElement>('stage')

element('name').textContent = document.title
element('label').textContent = facts.label
element('licence').textContent = facts.licence && `Licence: ${facts.licence}`
canvas.setAttribute('aria-label', document.title)

function say(text: string): void {
  element('message').textContent = text
  element('message').hidden = text === ''
}

function fail(text: string): void {
  root.dataset.state = 'failed'
  say(`${text} ${STILL}`)
}

function changed({ ready, settled, home }: Sight): void {
  root.dataset.view = settled ? 'settled' : 'moving'
  root.classList.toggle('home', home)
  if (ready && root.dataset.state === 'loading') {
    root.dataset.state = 'ready'
    say('')
  }
}

async function run(): Promise<void> {
  const stage = new SplatStage(canvas, facts)
  const show = new Show(canvas, stage, facts, () => ({ filled: root.classList.contains('filled') }), changed)
  canvas.addEventListener('webglcontextlost', () => fail('The graphics processor gave up; reload to try again.'))
  element('reset').addEventListener('click', () => show.reset())
  element('full').hidden = !document.fullscreenEnabled
  element('full').addEventListener('click', toggleFullScreen)
  await stage.load(await readScene(), 'sog')
  show.start()
}

if (hasWebGL2()) {
  setTimeout(() => {
    if (root.dataset.state === 'loading') say(`The scene takes long to appear here. ${STILL}`)
  }, PATIENCE_MS)
  run().catch((error: unknown) => fail(`The scene cannot be shown: ${String(error)}`))
} else {
  fail('Turning the scene needs WebGL 2, which this browser lacks or has switched off.')
}

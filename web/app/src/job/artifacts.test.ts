import { expect, it } from 'vitest'
import type { Job } from '../server'
import { download, savedName, stem, still } from './artifacts'

it('leaves names without an ending alone', () => {
  expect([stem('tea.jpg'), stem('tea'), stem('.jpg')]).toEqual(['tea', 'tea', '.jpg'])
})

it('keeps results under the name of the photo, and parts under theirs beside it', () => {
  const names = ['output.sog', 'model.glb', 'output3d.zip', 'preview.glb', 'pixel_images.png']
  expect(names.map((name) => savedName('my.tea.jpg', name))).toEqual([
    'my.tea.sog',
    'my.tea.glb',
    'my.tea.zip',
    'my.tea.preview.glb',
    'my.tea.pixel_images.png',
  ])
})

it('says how large a download is', () => {
  const file = { name: 'model.glb', type: '', bytes: 2_345_678, url: '/there' }
  expect(download({ source_name: 'tea.jpg' } as Job, file)).toEqual({
    href: '/there',
    fileName: 'tea.glb',
    ending: '.glb',
    size: '2.3 MB',
  })
})

it('shows a poster rather than a cut-out, and either rather than nothing', () => {
  const [matte, poster] = ['matte.png', 'poster.webp'].map((name) => ({ name, url: '' }))
  expect([still([matte!, poster!]), still([matte!]), still([])]).toEqual([poster, matte, undefined])
})

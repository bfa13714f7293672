import { expect, it } from 'vitest'
import type { Job, Part } from '../server'
import { downloads, finest, listed, pictures } from './parts'

const parts = (...names: string[]): Part[] => names.map((name) => ({ name, url: `/parts/${name}` }))
const made = (...names: string[]): Job =>
  ({
    source_name: 'mug.jpg',
    artifacts: parts(...names).map((part) => ({ ...part, type: '', bytes: 1000 })),
  }) as unknown as Job

it('shows the pictures that came, in the order of the work', () => {
  const shown = pictures(parts('xyz_images.png', 'output3d.zip', 'pixel_images.png', 'depth.png'), 'mug.jpg')
  expect(shown.map(({ name, fileName }) => [name, fileName])).toEqual([
    ['pixel_images.png', 'mug.pixel_images.png'],
    ['xyz_images.png', 'mug.xyz_images.png'],
  ])
})

it('turns the preview until there is the mesh', () => {
  expect(finest(parts('matte.png'))).toBeUndefined()
  expect(finest(parts('matte.png', 'preview.glb'))?.name).toBe('preview.glb')
  expect(finest(parts('preview.glb', 'output3d.zip', 'model.glb'))?.name).toBe('model.glb')
})

it('offers the mesh first, and OBJ where a model makes nothing else', () => {
  const endings = (job: Job) => downloads(job).map(({ ending }) => ending)
  expect(endings(made('pixel_images.png', 'output3d.zip', 'model.glb'))).toEqual(['.glb', '.zip'])
  expect(endings(made('pixel_images.png', 'output3d.zip'))).toEqual(['.zip'])
})

it('lists parts that it does not know', () => {
  expect(listed(made('depth.exr'))).toMatchObject([{ name: 'depth.exr', fileName: 'mug.depth.exr' }])
})

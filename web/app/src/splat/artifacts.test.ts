import { expect, it } from 'vitest'
import type { Job } from '../server'
import { downloads, sceneFile } from './artifacts'

const made = (...names: string[]): Job =>
  ({
    source_name: 'my.tea.jpg',
    artifacts: names.map((name) => ({ name, type: '', bytes: 2_345_678, url: `/files/${name}` })),
  }) as unknown as Job

it('shows the small file where there are two', () => {
  expect(sceneFile(made('output.ply', 'poster.webp', 'output.sog'))).toMatchObject({ name: 'output.sog', type: 'sog' })
  expect(sceneFile(made('output.ply'))).toMatchObject({ type: 'ply' })
  expect(sceneFile(made('poster.webp'))).toBeNull()
})

it('offers splats under the name of the photo, the one that is shown first', () => {
  expect(downloads(made('output.ply', 'poster.webp', 'output.sog'))).toEqual([
    { href: '/files/output.sog', fileName: 'my.tea.sog', ending: '.sog', size: '2.3 MB' },
    { href: '/files/output.ply', fileName: 'my.tea.ply', ending: '.ply', size: '2.3 MB' },
  ])
})

import { expect, it } from 'vitest'
import { megabytes, place, seconds, stageWords } from './words'

it('says sizes in few digits', () => {
  expect([1, 999_499, 999_500, 9_940_000, 9_950_000].map(megabytes)).toEqual([
    '1 kB',
    '999 kB',
    '1.0 MB',
    '9.9 MB',
    '10 MB',
  ])
})

it('says times to a tenth', () => {
  expect([0, 1.25, 61].map(seconds)).toEqual(['0.0 s', '1.3 s', '61.0 s'])
})

it('says the place in the queue', () => {
  expect([null, 1, 2].map(place)).toEqual(['', 'Next in the queue', 'Number 2 in the queue'])
})

it('names the stages of models it does not know', () => {
  expect([stageWords('matte'), stageWords('denoise')]).toEqual(['Finding the main object', 'Denoise'])
})

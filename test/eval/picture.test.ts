import { expect, it } from 'vitest'
import { evaluationPicture } from '../../lib/eval/picture.ts'

const windows = [3, 5, 4].map(perplexity => ({ perplexity, tokens: 10 }))

it('draws one panel without a reference, with words that are not markup', () => {
  const svg = evaluationPicture('a <b> & "c"', windows)
  expect(svg.match(/<polyline/g)).toHaveLength(1)
  expect(svg).toContain('a &#60;b&#62; &#38; &#34;c&#34;')
  expect(svg).toContain('3 windows')
  expect(svg).not.toMatch(/NaN|reference/)
})

it('places the lowest at the bottom and the highest at the top', () => {
  const [, points = ''] = /points="([^"]*)"/.exec(evaluationPicture('', windows)) ?? []
  const ys = points.split(' ').map(point => Number(point.split(',')[1]))
  expect(ys[0]! - ys[2]!).toBeCloseTo(ys[2]! - ys[1]!)
  expect(ys[0]).toBeGreaterThan(ys[1]!)
})

it('draws what never changes', () => {
  const same = { perplexity: 2, tokens: 1, referencePerplexity: 2, klMean: 0, top1Agreement: 1 }
  expect(evaluationPicture('', [same])).not.toContain('NaN')
})

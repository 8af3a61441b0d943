import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseParser } from '../../lib/client/sse-parser.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map(s => s.replace(/[\r\n]/g, ''))

describe('SseParser', () => {
  it('reads the same events wherever the stream is cut and whatever ends its lines', () => {
    const event = fc.record({
      event: text.map(s => s.trim()),
      data: fc.array(text, { minLength: 1 }),
    })
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 6 }),
        fc.constantFrom('\n', '\r', '\r\n'),
        fc.array(fc.nat(200)),
        (events, end, cuts) => {
          const lines = events.flatMap(({ event, data }) => [
            ': a comment',
            `event: ${event}`,
            ...data.map(line => `data: ${line}`),
            '',
          ])
          const stream = lines.map(line => line + end).join('')
          const parser = new SseParser()
          const found = []
          let start = 0
          for (const cut of [...cuts, stream.length].sort((a, b) => a - b)) {
            found.push(...parser.push(stream.slice(start, cut)))
            start = Math.max(start, cut)
          }
          const expected = events.map(({ event, data }) => ({ event, data: data.join('\n') }))
          expect(found).toEqual(expected)
        },
      ),
    )
  })

  it('takes JSON with U+2028 and written line ends as one frame', () => {
    const data = JSON.stringify({ text: 'a\u2028\n\ndata: b\n\nevent: c' })
    expect(new SseParser().push(`data: ${data}\n\n`)).toEqual([{ event: '', data }])
  })

  it('ends an event at a CR that has come, and takes a LF behind it as part of it', () => {
    const parser = new SseParser()
    expect(parser.push('data: a\r\r')).toEqual([{ event: '', data: 'a' }])
    expect(parser.push('\ndata: b\r')).toEqual([])
    expect(parser.push('\n\r')).toEqual([{ event: '', data: 'b' }])
  })

  it('looks at each character once, however an event is cut', () => {
    const parser = new SseParser()
    const chars = { looked: 0 }
    const piece = 'x'.repeat(64)
    const matchAll = String.prototype.matchAll
    // Whatever the parser searches, it searches in what has just come.
    String.prototype.matchAll = function (this: string, pattern) {
      chars.looked += this.length
      return matchAll.call(this, pattern)
    } as typeof matchAll
    try {
      parser.push('data: ')
      for (let i = 0; i < 4096; i++) parser.push(piece)
    } finally {
      String.prototype.matchAll = matchAll
    }
    expect(chars.looked).toBe(6 + 64 * 4096)
    expect(parser.held).toBe(6 + 64 * 4096)
    expect(parser.push('\n\n')[0]!.data).toHaveLength(64 * 4096)
    expect(parser.held).toBe(0)
  })
})

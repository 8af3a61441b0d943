import { describe, expect, it } from 'vitest'
import { Pace } from '../../lib/engine/pace.ts'

describe('pace', () => {
  it('bounds nothing before it has seen both kinds of step', () => {
    const pace = new Pace()
    expect(pace.longPromptTokens(4)).toBe(Number.POSITIVE_INFINITY)
    pace.note(10, 4, 0)
    expect(pace.longPromptTokens(4)).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives a long prompt less time than decoding takes', () => {
    const pace = new Pace()
    for (let i = 0; i < 40; i++) {
      pace.note(20, 4, 0)
      pace.note(20 + 64 * 0.5, 4, 64)
    }
    expect(pace.longPromptTokens(4)).toBe(24)
    for (let i = 0; i < 40; i++) pace.note(100, 32, 0)
    expect(pace.longPromptTokens(32)).toBeGreaterThan(32)
  })

  it('does not take many streams for few', () => {
    const pace = new Pace()
    pace.note(512 * 0.5, 0, 512)
    pace.note(160, 32, 0)
    // As long as steps of few are not known: their share of what many take.
    expect([32, 16, 4].map(n => pace.longPromptTokens(n))).toEqual([192, 96, 24])
    pace.note(40, 4, 0)
    expect([32, 16, 8, 4].map(n => pace.longPromptTokens(n))).toEqual([192, 48, 48, 48])
    // A step with a piece of a prompt is judged by its own number of decodes.
    for (let i = 0; i < 80; i++) pace.note(40 + 16, 4, 16)
    expect(pace.longPromptTokens(4)).toBe(24)
  })

  it('always lets some of it through', () => {
    const pace = new Pace()
    pace.note(1, 4, 0)
    pace.note(1000, 0, 10)
    expect(pace.longPromptTokens(4)).toBe(8)
  })
})

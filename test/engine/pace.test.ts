import { describe, expect, it } from 'vitest'
import { Pace } from '../../lib/engine/pace.ts'

describe('pace', () => {
  it('bounds nothing before it has seen both kinds of step', () => {
    const pace = new Pace()
    expect(pace.longPromptTokens).toBe(Number.POSITIVE_INFINITY)
    pace.note(10, 4, 0)
    expect(pace.longPromptTokens).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives a long prompt less time than decoding takes', () => {
    const pace = new Pace()
    for (let i = 0; i < 40; i++) {
      pace.note(20, 4, 0)
      pace.note(20 + 64 * 0.5, 4, 64)
    }
    expect(pace.longPromptTokens).toBe(24)
    for (let i = 0; i < 40; i++) pace.note(100, 32, 0)
    expect(pace.longPromptTokens).toBeGreaterThan(32)
  })

  it('always lets some of it through', () => {
    const pace = new Pace()
    pace.note(1, 4, 0)
    pace.note(1000, 0, 10)
    expect(pace.longPromptTokens).toBe(8)
  })
})

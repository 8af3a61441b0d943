import { describe, expect, it } from 'vitest'
import { Admission } from '../../lib/server/admission.ts'

/** Takes places until there are no more; how many there were. */
function flood(admission: Admission, tenant: string): number {
  for (let taken = 0; ; taken++) {
    try {
      admission.enter(tenant)
    } catch {
      return taken
    }
  }
}

describe('places', () => {
  it('are all for a tenant that is the only one', () => {
    expect(flood(new Admission(512, 512, 0), '')).toBe(512)
    expect(flood(new Admission(512, 512, 1), 'a')).toBe(512)
    expect(flood(new Admission(512, 100, 1), 'a')).toBe(100)
  })

  it('are three quarters of what the others leave where there are several', () => {
    const admission = new Admission(512, 512, 3)
    expect(['a', 'b', 'c'].map(tenant => flood(admission, tenant))).toEqual([384, 96, 24])
    expect(admission.active).toBe(504)
  })

  it('come out alike for those who flood it, whoever began', () => {
    const admission = new Admission(512, 512, 2)
    const held: Record<string, (() => void)[]> = { a: [], b: [] }
    const take = (tenant: string) => {
      try {
        held[tenant]!.push(admission.enter(tenant))
      } catch {
        // It asks again.
      }
    }
    for (let i = 0; i < 600; i++) take('a')
    // The longest in work ends, then both ask.
    for (let i = 0; i < 5000; i++) {
      const [longer] = [held.a!, held.b!].sort((a, b) => b.length - a.length)
      longer!.shift()!()
      take('a')
      take('b')
    }
    const counts = [held.a!.length, held.b!.length]
    expect(Math.abs(counts[0]! - counts[1]!)).toBeLessThan(8)
    expect(counts[0]! + counts[1]!).toBeGreaterThan(430)
  })

  it.each([1, 2, 3])('are none fewer where there are but %i', maxRequests => {
    expect(flood(new Admission(maxRequests, maxRequests, 5), 'a')).toBe(maxRequests)
  })
})

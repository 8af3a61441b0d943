import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PagePool } from '../../lib/engine/page-pool.ts'

const numRuns = Number(process.env.CONCLAVE_RUNS ?? 10_000)

const command = fc.record({
  kind: fc.constantFrom('allocate', 'retain', 'release', 'keep', 'forget'),
  /** Pages wanted, or which of those there are. */
  which: fc.nat(12),
})

/** The same with sets and lists, as plainly as it can be said. */
class PlainPool {
  readonly holders = new Map<number, number>()
  readonly kept = new Set<number>()
  /** The longest idle first. */
  idle: number[] = []

  release(page: number): void {
    const left = this.holders.get(page)! - 1
    if (left > 0) this.holders.set(page, left)
    else {
      this.holders.delete(page)
      if (this.kept.has(page)) this.idle.push(page)
    }
  }

  forget(page: number): void {
    this.kept.delete(page)
    this.idle = this.idle.filter(p => p !== page)
  }
}

function act(pool: PagePool, plain: PlainPool, kind: string, which: number): void {
  const held = [...plain.holders.keys()]
  const page = held[which % Math.max(1, held.length)]
  if (kind === 'allocate') {
    const evicted: number[] = []
    pool.onEvict = p => evicted.push(p)
    const idle = [...plain.idle]
    const free = pool.numPages - plain.holders.size - idle.length
    const pages = pool.allocate(which)
    assert.equal(pages === undefined, which > free + idle.length)
    assert.deepEqual(evicted, pages === undefined ? [] : idle.slice(0, Math.max(0, which - free)))
    for (const p of evicted) plain.forget(p)
    for (const p of pages ?? []) {
      assert.ok(!plain.holders.has(p) && !plain.kept.has(p))
      plain.holders.set(p, 1)
    }
  } else if (kind === 'retain' && plain.idle.length > 0 && which % 2 === 0) {
    const idle = plain.idle.splice(which % plain.idle.length, 1)[0]!
    pool.retain(idle)
    plain.holders.set(idle, 1)
  } else if (page === undefined) return
  else if (kind === 'retain') {
    pool.retain(page)
    plain.holders.set(page, plain.holders.get(page)! + 1)
  } else if (kind === 'release') {
    pool.release([page])
    plain.release(page)
  } else if (kind === 'keep') {
    pool.keep(page)
    plain.kept.add(page)
  } else {
    const forgotten = which % 2 === 0 ? page : (plain.idle[0] ?? page)
    pool.forget(forgotten)
    plain.forget(forgotten)
  }
}

describe('page pool', () => {
  it('does what the plain one does, under any commands', () => {
    const commands = fc.array(command, { maxLength: 200, size: 'max' })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), commands, (numPages, list) => {
        const pool = new PagePool(numPages)
        const plain = new PlainPool()
        for (const { kind, which } of list) {
          act(pool, plain, kind, which)
          assert.equal(pool.numUsed, plain.holders.size)
          assert.equal(pool.numIdle, plain.idle.length)
          assert.equal(pool.numFree + pool.numUsed, numPages)
          for (let p = 0; p < numPages; p++)
            assert.equal(pool.holders(p), plain.holders.get(p) ?? 0)
        }
      }),
      { numRuns },
    )
  })

  it('gives all or nothing, and counts holders', () => {
    const pool = new PagePool(3)
    expect(pool.allocate(4)).toBeUndefined()
    const pages = pool.allocate(2)!
    pool.retain(pages[0]!)
    pool.release(pages)
    expect([pool.numFree, pool.holders(pages[0]!), pool.holders(pages[1]!)]).toEqual([2, 1, 0])
    pool.release([pages[0]!])
    expect(pool.numFree).toBe(3)
  })

  it('gives up the end of a line before its beginning', () => {
    const pool = new PagePool(3)
    const line = pool.allocate(3)!
    for (const page of line) pool.keep(page)
    pool.release(line)
    expect([pool.numFree, pool.numIdle]).toEqual([3, 3])
    expect(pool.allocate(2)).toEqual([line[2], line[1]])
  })

  it('refuses to free or share a free page', () => {
    const pool = new PagePool(2)
    for (const act of [
      () => pool.release([0]),
      () => pool.retain(1),
      () => pool.release([7]),
      () => pool.keep(0),
    ])
      expect(act).toThrowError(expect.objectContaining({ code: 'engine_failed' }))
    expect(pool.numFree).toBe(2)
  })
})
